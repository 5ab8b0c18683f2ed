"""What every step's contracts stand on, and what of a step is the same wherever it runs.

A class variable of `…Params` or `…Inputs` is a fact of its step that other code asks for: it is written here once, with
what holds for most steps, and in the contract of the step for which something else does.
"""

from __future__ import annotations

from typing import Any, ClassVar

from featherline.tasks.contracts.base import Contract
from featherline.tasks.contracts.external_state import External
from featherline.tasks.contracts.secrets import Secret


class Params(Contract):
    """Parameters of a step.

    `passthrough` answers for a step that has nothing to do, before anything heavy is imported.
    """

    secrets: ClassVar[frozenset[Secret]] = frozenset()
    """What the step needs beside the store, which all steps need."""
    label_input: ClassVar[str] = ""
    """The input that tells tasks of the step apart where neither a label nor a candidate does."""
    sweeps_store: ClassVar[bool] = False
    """Whether it removes, before it begins, what killed writers left in the store: the first step of a run."""

    def passthrough(self, inputs: Any) -> Contract | None:  # noqa: ANN401, ARG002 - each step narrows it
        """Return the outputs where the step has nothing to do, else None."""
        return None

    def external_state(self, inputs: Any) -> tuple[External, ...]:  # noqa: ANN401, ARG002 - each step narrows it
        """Return what the step reads outside its inputs: looked at before a hit is looked for, a part of the key."""
        return ()


class EffectOutputs(Contract):
    """Outputs of a step that reads or changes the world outside the store. Such a step always runs, and is idempotent.

    It counts as a cache hit when it found its work done. It is never run again from a record of an earlier run: it
    reads secrets, or changes what people are given.
    """

    done_before: bool
