"""One trial of a search: built, checked against the device, trained a little, and trained on where it is promising.

    build ──► inside the budget? ──► train `epochs` ──► among the best at this rung? ──► train on to `promoted_epochs`
                  └ no: infeasible, untrained

Successive halving without waiting: a trial is compared with those that reached the rung before it.

Source: Li et al. 2020, algorithm 2, https://arxiv.org/abs/1810.05934
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any

import optuna

from tasks.contracts.artifacts import Architecture, Trial
from tasks.contracts.refusal import Refused
from tasks.contracts.search import SearchParams, SearchSpace
from tasks.framework import keras, tf
from tasks.searching.estimates import int8_bytes, peak_ram_bytes
from tasks.searching.front import best_first
from tasks.searching.space import architecture
from tasks.training.data import TrainingData
from tasks.training.loop import Compiled, compile_training, fit_model
from tasks.training.macs import count_macs
from tasks.zoo.build import build

RUNG = "rung"
"""The attribute of a trial that holds (accuracy, cost) after the first training."""

BUDGET = "budget"
"""The constraint that samplers learn from: the worst of used over allowed, minus 1."""


@dataclass(frozen=True)
class Rungs:
    """Evaluates trials of one search.

    Attributes:
        space: What a trial chooses from.
        params: Epochs of both rungs, budget, objective.
        data: What is trained on and measured on.
        seed: Of the weights and the batches; the same for all trials, so that architectures alone differ.
    """

    space: SearchSpace
    params: SearchParams
    data: TrainingData
    seed: int

    def __call__(self, trial: optuna.Trial, chosen: dict[str, Any]) -> tuple[Trial, tuple[float, float] | None]:
        """Return the trial's record, and (accuracy, cost) unless it failed. One outside the budget has accuracy 0."""
        started = time.monotonic()
        built = architecture(self.space, chosen)
        record = Trial(
            number=trial.number,
            architecture=built,
            state="failed",
            accuracy=None,
            epochs=0,
            macs=0,
            parameters=0,
            size_bytes=0,
            seconds=0.0,
        )
        keras.backend.clear_session()
        keras.utils.set_random_seed(self.seed)
        try:
            model = self._build(built)
            record = record.model_copy(
                update={"macs": count_macs(model), "parameters": model.count_params(), "size_bytes": int8_bytes(model)}
            )
            excess, reason = self._excess(record, model)
            trial.set_constraint(BUDGET, excess)
            if reason:
                record = record.model_copy(update={"state": "infeasible", "reason": reason})
            else:
                accuracy, epochs = self._train(trial, model, self._cost(record))
                record = record.model_copy(update={"state": "complete", "accuracy": accuracy, "epochs": epochs})
        except (Refused, BuildFailed, tf.errors.OpError) as error:
            reason = error.problems[0].what if isinstance(error, Refused) else f"{type(error).__name__}: {error}"
            record = record.model_copy(update={"state": "failed", "reason": reason[:300]})
        record = record.model_copy(update={"seconds": time.monotonic() - started})
        return record, None if record.state == "failed" else (record.accuracy or 0.0, self._cost(record))

    def _build(self, built: Architecture) -> Any:  # noqa: ANN401 - tf_keras has no types
        """Build the network; whatever a builder raises for these options is the trial's failure, not the search's."""
        try:
            return build(built, self.data.image_shape, self.data.classes)
        except (Refused, MemoryError):
            raise
        except Exception as error:
            raise BuildFailed(f"{type(error).__name__}: {error}") from error

    def _cost(self, record: Trial) -> float:
        return float(record.macs if self.params.objective == "macs" else record.size_bytes)

    def _excess(self, record: Trial, model: Any) -> tuple[float, str]:  # noqa: ANN401
        """Return the worst of used over allowed, minus 1, and in words what is too much."""
        budget = self.params.budget
        found = [
            ("MACs", record.macs, budget.macs),
            ("bytes of int8 file, estimated", record.size_bytes, budget.size_bytes),
            ("bytes of RAM, estimated", peak_ram_bytes(model), budget.peak_ram_bytes),
        ]
        bounds = [
            (used / allowed - 1, f"{used:,} {what}; {allowed:,} allowed") for what, used, allowed in found if allowed
        ]
        worst = max((excess for excess, _ in bounds), default=-1.0)
        return worst, "; ".join(said for excess, said in bounds if excess > 0)

    def _train(self, trial: optuna.Trial, model: Any, cost: float) -> tuple[float, int]:  # noqa: ANN401
        """Return the best validation accuracy of the highest rung that was reached, and the epochs until there."""
        epochs = self.params.epochs
        compiled = compile_training(model, self.params.fit)
        accuracy = self._fit(model, epochs, compiled)
        trial.set_user_attr(RUNG, [accuracy, cost])
        more = self.params.promoted_epochs - epochs
        if more > 0 and self._promoted(trial):
            return max(accuracy, self._fit(model, more, compiled)), epochs + more
        return accuracy, epochs

    def _fit(self, model: Any, epochs: int, compiled: Compiled) -> float:  # noqa: ANN401
        fit = self.params.fit.model_copy(update={"epochs": epochs})
        history = fit_model(model, self.data, fit, seed=self.seed, stage="trial", say=_unsaid, compiled=compiled)
        return max(history.validation_accuracy)

    def _promoted(self, trial: optuna.Trial) -> bool:
        """Return whether the trial is among the best of those that reached the first rung, by Pareto front."""
        reached = [each for each in trial.study.get_trials(deepcopy=False) if RUNG in each.user_attrs]
        points = [(each.user_attrs[RUNG][0], each.user_attrs[RUNG][1]) for each in reached]
        keep = math.ceil(self.params.promote_fraction * len(points))
        return trial.number in [reached[position].number for position in best_first(points)[:keep]]


class BuildFailed(Exception):  # noqa: N818 - an outcome of a trial
    """A builder could not build what a trial asked for."""


def _unsaid(line: str) -> None:
    """Leave the line of an epoch away: a trial has one of its own."""
