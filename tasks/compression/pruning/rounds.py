"""Channel pruning as a recipe asks for it: slimmed before, cut in rounds, statistics anew, fine-tuned.

model ──► [gammas small] ──► ( cut ──► statistics anew ──► learn ) x rounds ──► smaller model

Each round cuts by the same factor, so that the last one arrives at the target.

Source: Molchanov et al. 2017, section 2, https://arxiv.org/abs/1611.06440 (prune and fine-tune in turn)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np

from featherline.tasks.compression.pruning.channel import Pruned, Ranking, Target, Whole, prune_channels
from featherline.tasks.compression.pruning.criteria import unit_scores
from featherline.tasks.compression.pruning.section import Section
from featherline.tasks.compression.pruning.slimming import with_gamma_penalty
from featherline.tasks.compression.pruning.statistics import BATCH, reestimate_statistics
from featherline.tasks.compression.pruning.widths import BLOCK
from featherline.tasks.contracts.fit import Fit
from featherline.tasks.contracts.model import TrainingHistory
from featherline.tasks.contracts.safe_text import visible
from featherline.tasks.contracts.steps.prune import PruneParams
from featherline.tasks.networks.framework import KerasModel
from featherline.tasks.networks.graph import functional
from featherline.tasks.networks.inputs import batch_size
from featherline.tasks.training.data import TrainingData
from featherline.tasks.training.history import joined
from featherline.tasks.training.measured import validation_quality

CLOSE = 0.05
"""Of the whole: a cut that is further from its target than this says so."""
WORDS_OF = {"macs": "MACs", "parameters": "parameters", "size": "bytes", "latency": "latency"}


class Learn(Protocol):
    """Trains a model in place, with a checkpoint named by `part`."""

    def __call__(self, network: KerasModel, fit: Fit, *, stage: str, part: str) -> TrainingHistory:
        """Return the curves."""


def fractions(target: float, rounds: int) -> list[float]:
    """Return the fraction of the whole model that is left after each round, the last one being `target`."""
    return [target ** (number / rounds) for number in range(1, rounds)] + [target]


def prune_in_rounds(
    baseline: KerasModel,
    params: PruneParams,
    data: TrainingData,
    learn: Learn,
    *,
    seed: int,
    stage: str,
    section: Section = "prune",
) -> tuple[KerasModel, TrainingHistory, str]:
    """Return the smaller model, the curves of all its training, and by how much it missed its target, if it did.

    Args:
        baseline: Stays as it is.
        params: Of the step.
        data: What channels are ranked on, and what is measured.
        learn: The training.
        seed: Of everything random.
        stage: What the history is called.
        section: Who prunes, and refuses.
    """
    model = functional(baseline, section)
    whole = Whole(model, data, section)
    if params.slimming_epochs:
        unit_scores(model, whole.channels, params.criterion)  # refuses groups without gammas before any training
    histories = list(_slimmed(model, params, learn, stage, section))
    ranking = Ranking(params.criterion, params.ratios, seed)
    paths = {measure: fractions(kept, params.rounds) for measure, kept in params.targets.items()}
    for number in range(1, params.rounds + 1):
        now = {measure: path[number - 1] for measure, path in paths.items()}
        target = Target(now, params.floor, params.probes)
        pruned = prune_channels(model, target, ranking, data=data, whole=whole)
        _show(pruned)
        model = pruned.model
        recalibrate(model, data, params.recalibration_examples, seed)
        last = number == params.rounds
        fit = params.fit if last else params.fit.model_copy(update={"epochs": params.round_epochs, "patience": None})
        widths = " ".join(str(cut.after) for cut in pruned.cuts)
        histories.append(learn(model, fit, stage=stage, part=f"round {number} {widths}"))
    said = missed({str(name): kept for name, kept in params.targets.items()}, pruned.kept)
    if said:
        print(f"{stage}: {said}; channels leave in blocks of {BLOCK}, which are large parts of a network this small")
    return model, joined(histories, stage), said


def missed(asked: Mapping[str, float], kept: Mapping[str, float]) -> str:
    """Return how far a cut is from its target, or nothing where one measure of it came close.

    Of several measures the tightest decides, so that the others are below theirs whatever is done.
    """
    gaps = {measure: abs(asked[measure] - fraction) for measure, fraction in kept.items()}
    if not gaps or min(gaps.values()) <= CLOSE:
        return ""
    measure = min(gaps, key=lambda name: gaps[name])
    return f"kept {kept[measure]:.0%} of the {WORDS_OF[measure]}, {asked[measure]:.0%} asked"


def _slimmed(
    model: KerasModel, params: PruneParams, learn: Learn, stage: str, section: Section
) -> Iterator[TrainingHistory]:
    """Train the model in place with a penalty on its gammas, where asked."""
    if params.slimming_epochs:
        penalised = with_gamma_penalty(model, params.slimming_strength, section)
        changes = {"epochs": params.slimming_epochs, "patience": None, "keep": "last"}
        yield learn(penalised, params.fit.model_copy(update=changes), stage=stage, part="slimming")
        model.set_weights(penalised.get_weights())


def recalibrate(model: KerasModel, data: TrainingData, examples: int, seed: int) -> None:
    """Estimate the statistics anew, and say what the cut left and what this brought back."""
    metric = data.problem.quality
    before = validation_quality(model, data)
    if examples == 0:
        print(f"  validation {metric.told(before)} after the cut")
        return
    chosen = np.random.default_rng(seed).permutation(len(data.train.targets))[:examples]
    size = batch_size(model, BATCH)
    batches = (data.train.take(places).inputs for places in np.array_split(chosen, -(-len(chosen) // size)))
    layers = reestimate_statistics(model, batches)
    after = validation_quality(model, data)
    print(
        f"  validation {metric.told(before)} after the cut, {metric.text(after)} with the statistics of {layers} "
        f"batch normalisations from {len(chosen)} examples"
    )


def _show(pruned: Pruned) -> None:
    for cut in pruned.cuts:
        print(f"  {visible(' + '.join(cut.layers))}: {cut.before} -> {cut.after} channels")
    print(
        f"  MACs {pruned.macs_before:,} -> {pruned.macs:,} ({pruned.macs / pruned.macs_before:.1%} kept); "
        f"equal to the masked original within {pruned.difference:.1e} of its largest output"
    )
