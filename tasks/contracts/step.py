"""What every step's contracts stand on."""

from __future__ import annotations

from typing import Any

from featherline.tasks.contracts.base import Contract


class Params(Contract):
    """Parameters of a step.

    `passthrough` answers for a step that has nothing to do, before anything heavy is imported.
    """

    def passthrough(self, inputs: Any) -> Contract | None:  # noqa: ANN401, ARG002 - each step narrows it
        """Return the outputs where the step has nothing to do, else None."""
        return None


class EffectOutputs(Contract):
    """Outputs of a step that reads or changes the world outside the store. Such a step always runs, and is idempotent.

    It counts as a cache hit when it found its work done.
    """

    done_before: bool
