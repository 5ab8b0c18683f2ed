"""The work that a step is asked for: all that decides what it gives, and the keys that follow from it.

    step, code, libraries, inputs, parameters, seed, external state ──► Work ──► its key, the keys of its parts

The key is made once, before a hit is looked for, and goes with the context into the step: its checkpoints and its study
are named after the same work, and so are never another's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from featherline.tasks.contracts.base import canonical_json, digest
from featherline.tasks.contracts.external_state import ExternalState


@dataclass(frozen=True)
class Work:
    """What decides what a step gives.

    Attributes:
        ingredients: Of its key, by name, as JSON (`step_cache.ingredients`).
        external_state: What the step reads outside its inputs, as it was when the key was made.
        ignore_cache: No result, no checkpoint and no study of an earlier run is taken.
    """

    ingredients: Mapping[str, Any]
    external_state: ExternalState = field(default_factory=ExternalState)
    ignore_cache: bool = False

    @property
    def key(self) -> str:
        """Return the key: equal for equal work, in every run."""
        return digest(canonical_json(dict(self.ingredients)))

    def key_of_part(self, part: str) -> str:
        """Return the key of one of several things that the step does."""
        return digest(canonical_json([self.key, part]))

    def shared_key(self, *, inputs: Mapping[str, Any], params: Mapping[str, Any]) -> str:
        """Return the key of what several tasks do together, for all of which these inputs and parameters count."""
        common = {
            "inputs": {**self.ingredients["inputs"], **inputs},
            "params": {**self.ingredients["params"], **params},
        }
        return digest(canonical_json({**self.ingredients, **common}))
