"""What a step is given beside its inputs and parameters."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.request import Provenance, Variable
from featherline.tasks.store.artifacts import Store, open_store


@dataclass(frozen=True)
class Context:
    """The run's surroundings.

    Attributes:
        store: Where artifacts live.
        seed: Of everything random in the step.
        provenance: Who asked; for the record only.
        label: Which of the mapped tasks this is.
        fingerprint: What the step reads outside its inputs, and what it was when the cache key was made.
        reader: Who asked for the work that needs this one done again; None where this was asked for itself.
    """

    store: Store
    seed: int = 0
    provenance: Provenance = field(default_factory=Provenance)
    label: str = ""
    fingerprint: dict[str, str] = field(default_factory=dict)
    reader: Provenance | None = None

    @property
    def asked_by(self) -> Provenance:
        """Return who asked, which no record in the store has said."""
        return self.reader or self.provenance

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
