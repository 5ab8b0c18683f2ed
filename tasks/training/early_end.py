"""A training that ends early because the dry run beside it, of the same run, was refused.

    training ──► a look every few seconds at runs/<run_id>/steps/dry_run.json ──► refused? the same problems

Without it a run that must fail would fail only when its training is over.
"""

from __future__ import annotations

import threading
from typing import Any, Self

from featherline.tasks.contracts.refusal import Problem, Refused
from featherline.tasks.networks.framework import keras
from featherline.tasks.running import run_records
from featherline.tasks.running.context import Context

LOOK_EVERY_S = 3.0


class DryRunWatch(keras.callbacks.Callback):
    """Ends a training in the middle of an epoch; a callback of `fit_model`, and a context around it."""

    between_calls = True
    """It need not be asked after every step."""

    def __init__(self, context: Context, every_s: float = LOOK_EVERY_S) -> None:
        """Watch the run of this context."""
        super().__init__()
        self._context, self._every_s = context, every_s
        self._over = threading.Event()
        self._problems: tuple[Problem, ...] = ()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ANN401, ARG002 - as Keras calls it
        """End the training where the dry run was refused.

        Raises:
            Refused: With what the dry run said.
        """
        if self._problems:
            raise Refused(*self._problems)

    def __enter__(self) -> Self:
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def _watch(self) -> None:
        while not self._over.is_set():
            record = run_records.read(self._context.store, self._context.provenance.run_id, "dry_run")
            if record is not None and record.status == "refused":
                self._problems = tuple(Problem(**problem) for problem in record.problems)
                return
            self._over.wait(self._every_s)
