"""What a step is given beside its inputs and parameters."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from featherline.tasks.contracts.external_state import ExternalState
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.request import Provenance, Variable
from featherline.tasks.running.work import Work
from featherline.tasks.store.artifacts import Store, open_store


@dataclass(frozen=True)
class Context:
    """The run's surroundings.

    Attributes:
        store: Where artifacts live.
        seed: Of everything random in the step.
        provenance: Who requested the work; for the record only.
        label: Which of the mapped tasks this is.
        work: What the step is asked to do, with its keys; None where its function is called without `execute`.
        reader: Who requested the work that needs this one done again; None where this was requested for itself.
    """

    store: Store
    seed: int = 0
    provenance: Provenance = field(default_factory=Provenance)
    label: str = ""
    work: Work | None = None
    reader: Provenance | None = None

    @property
    def requester(self) -> Provenance:
        """Return who requested the work, which no record in the store has said."""
        return self.reader or self.provenance

    @property
    def external_state(self) -> ExternalState:
        """Return what the step reads outside its inputs, as it was when the key was made."""
        return self.work.external_state if self.work else ExternalState()

    @property
    def ignore_cache(self) -> bool:
        """Return whether no result, checkpoint or study of an earlier run is taken."""
        return self.work is not None and self.work.ignore_cache

    @property
    def registry(self) -> str:
        """Return `store`, or the URL of an MLflow server."""
        return os.environ.get(Variable.REGISTRY, "store")

    @property
    def studies(self) -> str:
        """Return where Optuna studies live."""
        return os.environ.get(Variable.STUDIES, str(Path("var/studies")))

    @property
    def image(self) -> str:
        """Return the digest of the image that this runs in; empty outside a container."""
        return os.environ.get(Variable.IMAGE, "")

    @property
    def recipes(self) -> Path:
        """Return the folder of recipes."""
        return Path(os.environ.get(Variable.RECIPES, "recipes"))


def store_from_environment() -> Store:
    """Open the store that the deployment names.

    Raises:
        Refused: No store is named.
    """
    uri = os.environ.get(Variable.STORE, "")
    if not uri:
        raise refuse(
            "there is no store",
            expected=f"{Variable.STORE}: a folder, or s3://bucket/prefix",
            got="nothing",
            fix=f"set {Variable.STORE}, or give --store",
        )
    return open_store(uri)
