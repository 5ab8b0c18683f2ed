"""One trial of a search: built, checked against the device, trained a little, and trained on where it is promising.

    build ──► inside the budget? ──► cheap scores: among the better? ──► train `epochs` ──► among the best? ──► train on
                  └ no: infeasible             └ no: filtered                              to `promoted_epochs`

Successive halving without waiting: a trial is compared with the results that its proposal knew, and with no others, so
that it ends the same whoever evaluates what at the same time.

Source: Li et al. 2020, algorithm 2, https://arxiv.org/abs/1810.05934
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from featherline.tasks.compression.search.feasibility import BuildFailed, held_against, sizes
from featherline.tasks.compression.search.inheritance import inherit, relative
from featherline.tasks.compression.search.scores import EXAMPLES, evenly, naswot, synflow_at_any_depth
from featherline.tasks.compression.search.space import architecture
from featherline.tasks.contracts.model import Architecture
from featherline.tasks.contracts.refusal import OutOfReach, Refused
from featherline.tasks.contracts.steps.search import SearchParams, SearchSpace
from featherline.tasks.contracts.trials import Trial
from featherline.tasks.data.dataset import Examples
from featherline.tasks.litert.conversion import ConverterFailed
from featherline.tasks.measuring.int8_probe import CALIBRATION_EXAMPLES
from featherline.tasks.networks.framework import KerasModel, keras, tf
from featherline.tasks.networks.inputs import batch_size
from featherline.tasks.networks.model_files import load_file, put_model
from featherline.tasks.networks.zoo.build import build
from featherline.tasks.running.memory import out_of_memory
from featherline.tasks.statistics.pareto import best_first
from featherline.tasks.store.artifacts import Store
from featherline.tasks.training.data import TrainingData
from featherline.tasks.training.loop import fit_model
from featherline.tasks.training.training_step import Compiled, compile_training


@dataclass(frozen=True)
class TrialEvaluator:
    """Evaluates trials of one search.

    Attributes:
        space: What a trial chooses from.
        params: Epochs of both rungs, budget, objective.
        data: What is trained on and measured on.
        seed: Of the weights and the batches; the same for all trials, so that architectures alone differ.
        store: Where trained networks are kept for those that inherit.
    """

    space: SearchSpace
    params: SearchParams
    data: TrainingData
    seed: int
    store: Store

    def __call__(self, number: int, chosen: dict[str, Any], before: Sequence[Trial]) -> Trial:
        """Return the trial's record.

        Args:
            number: Of the trial.
            chosen: From the space.
            before: The earlier trials that this one may know.
        """
        started = time.monotonic()
        built = architecture(self.space, chosen)
        record = Trial(
            number=number,
            architecture=built,
            state="failed",
            quality=None,
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
            record = record.model_copy(update=sizes(model))
            record = held_against(record, model, self.params.budget, self._few, self.seed)
            if record.state != "infeasible":
                record = record.model_copy(update=self._scores(built, model))
                filtered = self._filtered(record, before)
                update = {"state": "filtered", "reason": filtered} if filtered else self._train(model, record, before)
                record = record.model_copy(update=update)
        except (Refused, BuildFailed, ConverterFailed, tf.errors.OpError) as error:
            if isinstance(error, OutOfReach) or out_of_memory(error) is not None:
                raise  # says nothing of the network
            reason = error.problems[0].what if isinstance(error, Refused) else f"{type(error).__name__}: {error}"
            record = record.model_copy(update={"state": "failed", "reason": reason[:300]})
        return record.model_copy(update={"seconds": time.monotonic() - started})

    def _few(self) -> Examples:
        """Return what an int8 file is calibrated on and run on."""
        return self.data.train.take(slice(CALIBRATION_EXAMPLES)).examples

    def _build(self, built: Architecture) -> KerasModel:
        """Build the network; whatever a builder raises for these options is the trial's failure, not the search's."""
        try:
            return build(built, self.data.input_shape, self.data.answers)
        except (Refused, MemoryError):
            raise
        except Exception as error:
            raise BuildFailed(f"{type(error).__name__}: {error}") from error

    def _scores(self, built: Architecture, model: KerasModel) -> dict[str, float | None]:
        """Return the cheap scores of the untrained network; the seed is set anew, so that they change no training."""
        looked_at = batch_size(model, EXAMPLES)
        scores = {
            "synflow": synflow_at_any_depth(model, lambda: self._build(built)),
            "naswot": naswot(model, self.data.train.take(evenly(len(self.data.train), looked_at)).inputs),
        }
        keras.utils.set_random_seed(self.seed)
        return {name: value if value is not None and math.isfinite(value) else None for name, value in scores.items()}

    def _filtered(self, record: Trial, before: Sequence[Trial]) -> str:
        """Return why the network is not trained, or nothing. Those that were scored before it count."""
        asked = self.params.filter
        if asked is None:
            return ""
        scored = [each for each in before if each.state in {"complete", "filtered"}]
        score = getattr(record, asked.by)
        place = sum(_known(getattr(each, asked.by)) >= _known(score) for each in scored)
        kept = math.ceil(asked.keep * (len(scored) + 1))
        said = "none" if score is None else f"{score:.4g}"
        if place < kept:
            return ""
        return f"{asked.by} {said} is number {place + 1} of {len(scored) + 1}; {kept} are trained"

    def _train(self, model: KerasModel, record: Trial, before: Sequence[Trial]) -> dict[str, Any]:
        """Return the best validation quality of both rungs that were reached, and the epochs until there."""
        epochs = self.params.epochs
        parent = self._inherit(record, model, before)
        problem = self.data.problem.name
        compiled = compile_training(
            model,
            self.params.fit,
            problem=problem,
            views=self.data.views,
            weights=self.data.strata_weights(self.params.fit),
        )
        first = quality = self._fit(model, epochs, compiled)
        more = self.params.promoted_epochs - epochs
        if more > 0 and self._promoted(first, record, before):
            quality = self.data.problem.quality.best_of((quality, self._fit(model, more, compiled)))
            epochs += more
        weights = put_model(self.store, model) if self.params.inherit else None
        trained = {"quality": quality, "first_quality": first, "epochs": epochs, "inherited_from": parent}
        return {"state": "complete", "weights": weights, **trained}

    def _inherit(self, record: Trial, model: KerasModel, before: Sequence[Trial]) -> int | None:
        """Give the network its relative's weights, where it has one. Returns that trial's number."""
        parent = (
            relative(record, before, tuple(self.space.choices), self.data.problem.quality)
            if self.params.inherit
            else None
        )
        if parent is None or parent.weights is None:
            return None
        part = inherit(model, load_file(self.store, parent.weights))
        print(f"trial {record.number} inherits {100 * part:.0f} % of its weights from trial {parent.number}")
        return parent.number

    def _fit(self, model: KerasModel, epochs: int, compiled: Compiled) -> float:
        fit = self.params.fit.model_copy(update={"epochs": epochs})
        history = fit_model(model, self.data, fit, seed=self.seed, stage="trial", say=_unsaid, compiled=compiled)
        return history.metric.best_of(history.validation_quality)

    def _promoted(self, quality: float, record: Trial, before: Sequence[Trial]) -> bool:
        """Return whether the trial is among the best, by Pareto front, of itself and those that were trained before."""
        trained = [(each.first_quality, each) for each in before if each.first_quality is not None]
        metric = self.data.problem.quality
        points = [(metric.reward(first), float(each.cost(self.params.objective))) for first, each in trained]
        points.append((metric.reward(quality), float(record.cost(self.params.objective))))
        keep = math.ceil(self.params.promote_fraction * len(points))
        return len(points) - 1 in best_first(points)[:keep]


def _known(score: float | None) -> float:
    """Return a score that orders; what has none is worse than any."""
    return -math.inf if score is None else score


def _unsaid(line: str) -> None:
    """Leave the line of an epoch away: a trial has one of its own."""
