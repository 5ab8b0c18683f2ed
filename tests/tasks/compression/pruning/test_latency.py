"""The latency target: bisection on known curves, and one real measurement."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featherline.tasks.compression.pruning.channel import Ranking, Target, prune_channels
from featherline.tasks.compression.pruning.latency import Stopwatch, widest_within
from featherline.tasks.compression.pruning.rounds import prune_in_rounds
from featherline.tasks.contracts.fit import Fit
from featherline.tasks.contracts.quality import SHARE
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.prune import PruneParams
from featherline.tasks.measuring.int8_probe import int8_file
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.macs import count_macs
from featherline.tasks.networks.zoo.cnn import cnn
from featherline.tasks.training.data import TrainingData
from featherline.tasks.training.history import empty_history
from featherline.tasks.training.part import Part

IMAGES = np.random.default_rng(0).standard_normal((32, 16, 16, 3)).astype(np.float32)


def test_bisection_ends_just_below_the_step() -> None:
    """A latency of 0.4 below half of the MACs and of 0.9 above it: from 0.1 five halvings come within 0.03 of 0.5."""
    asked: list[float] = []

    def ratio(fraction: float) -> float:
        asked.append(fraction)
        return 0.4 if fraction <= 0.5 else 0.9

    found = widest_within(ratio, least=0.1, target=0.4, probes=6)

    assert 0.47 <= found <= 0.5
    assert len(asked) == 6
    assert asked[0] == 0.1


def test_one_probe_is_the_narrowest_model() -> None:
    """With a single measurement only the narrowest model is known to be fast enough."""
    assert widest_within(lambda fraction: fraction, least=0.2, target=0.5, probes=1) == 0.2


def test_a_model_that_was_cut_before_is_halved_from_where_it_is() -> None:
    """Between 0.2 and the 0.4 that the model has, not the 1.0 that it had: the second probe is at 0.3."""
    asked: list[float] = []

    def ratio(fraction: float) -> float:
        asked.append(fraction)
        return fraction

    assert widest_within(ratio, least=0.2, target=0.36, probes=3, most=0.4) == pytest.approx(0.35)
    assert asked == pytest.approx([0.2, 0.3, 0.35])


def test_a_latency_out_of_reach_is_refused_with_the_lowest_one() -> None:
    """The message names what the narrowest model takes."""
    with pytest.raises(Refused) as refusal:
        widest_within(lambda fraction: fraction + 0.3, least=0.2, target=0.4, probes=3)

    (problem,) = refusal.value.problems
    assert problem.expected.startswith("prune.keep_latency of at least 0.500")
    assert problem.got == "0.4"


def test_a_narrower_int8_file_is_faster() -> None:
    """Measured in turn: an eighth of the width takes clearly less time, the same network about the same."""
    keras.utils.set_random_seed(0)
    wide, narrow = (cnn((16, 16, 3), 10, widths=(width, width), dense=0) for width in (64, 8))
    stopwatch = Stopwatch(wide, {"image": IMAGES})

    assert stopwatch.ratio(narrow) < 0.6
    assert 0.6 < stopwatch.ratio(wide) < 1.7


def test_a_model_is_pruned_to_a_latency() -> None:
    """Two probes: the model is narrower than it was, and its widths are ones that were measured."""
    keras.utils.set_random_seed(0)
    model = cnn((16, 16, 3), 10, widths=(64, 64), dense=0)
    labels = np.zeros(len(IMAGES), np.int64)
    data = TrainingData(Part({"image": IMAGES}, labels), Part({"image": IMAGES}, labels), 10)

    pruned = prune_channels(model, Target({"latency": 0.8}, probes=2), Ranking(), data=data)

    assert pruned.macs < pruned.macs_before
    assert all(cut.after % 8 == 0 for cut in pruned.cuts)


def test_the_whole_model_is_converted_once_for_all_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rounds of one probe each: three conversions, the first of the whole model."""
    keras.utils.set_random_seed(0)
    model = cnn((16, 16, 3), 10, widths=(64, 32), dense=0)
    labels = np.zeros(len(IMAGES), np.int64)
    data = TrainingData(Part({"image": IMAGES}, labels), Part({"image": IMAGES}, labels), 10)
    converted: list[int] = []

    def noted(network: Any, images: Any) -> Any:
        converted.append(count_macs(network))
        return int8_file(network, images)

    monkeypatch.setattr("featherline.tasks.compression.pruning.latency.int8_file", noted)
    params = PruneParams(method="channel", keep_latency=0.9, probes=1, rounds=2, fit=Fit(epochs=0))
    prune_in_rounds(model, params, data, lambda *_, **__: empty_history("prune", SHARE), seed=0, stage="prune")

    assert len(converted) == 3
    assert converted[0] == count_macs(model) > max(converted[1:])
