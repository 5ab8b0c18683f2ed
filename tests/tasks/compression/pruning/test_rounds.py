"""Rounds: how far each cuts, and that the last one arrives where a single cut would."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featherline.tasks.compression.pruning.rounds import fractions, missed, prune_in_rounds
from featherline.tasks.contracts.fit import Fit
from featherline.tasks.contracts.model import TrainingHistory
from featherline.tasks.contracts.quality import SHARE
from featherline.tasks.contracts.steps.prune import PruneParams
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.macs import count_macs
from featherline.tasks.networks.zoo.resnet import resnet
from featherline.tasks.training.data import TrainingData
from featherline.tasks.training.history import empty_history
from featherline.tasks.training.part import Part

LABELS = np.arange(64) % 10
IMAGES = np.random.default_rng(0).standard_normal((64, 8, 8, 1)).astype(np.float32)
DATA = TrainingData(Part({"image": IMAGES}, LABELS), Part({"image": IMAGES}, LABELS), 10)


class Recorder:
    """Learns nothing, and remembers what it was asked."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.asked: list[tuple[str, int, int]] = []

    def __call__(self, network: Any, fit: Fit, *, stage: str, part: str) -> TrainingHistory:
        """Remember the part, the epochs and the MACs."""
        self.asked.append((part, fit.epochs, count_macs(network)))
        return empty_history(stage, SHARE)


@pytest.fixture
def network() -> Any:
    """Give a ResNet of 8 layers whose stages have 32, 64 and 128 channels."""
    keras.utils.set_random_seed(0)
    return resnet((8, 8, 1), 10, depth=8, width=32)


def test_each_round_cuts_by_the_same_factor() -> None:
    """To an eighth in three rounds: a half, a quarter, an eighth."""
    assert fractions(0.125, 3) == pytest.approx([0.5, 0.25, 0.125])
    assert fractions(0.3, 1) == [0.3]


def test_the_last_round_arrives_at_the_target(network: Any) -> None:
    """Fractions and floors are of the model before the first cut, and the epochs between are those of rounds."""
    learn = Recorder()
    params = PruneParams(method="channel", keep_macs=0.25, rounds=2, round_epochs=3, fit=Fit(epochs=9))

    model, _, _ = prune_in_rounds(network, params, DATA, learn, seed=0, stage="prune")

    whole = count_macs(network)
    (first, first_epochs, first_macs), (last, last_epochs, last_macs) = learn.asked
    assert (first.split()[:2], last.split()[:2]) == (["round", "1"], ["round", "2"])
    assert (first_epochs, last_epochs) == (3, 9)
    assert 0.45 * whole <= first_macs <= 0.5 * whole
    assert last_macs == count_macs(model) <= 0.25 * whole
    assert min(layer.filters for layer in model.layers if isinstance(layer, keras.layers.Conv2D)) >= 8


def test_floors_are_of_the_model_before_the_first_cut(network: Any) -> None:
    """With a floor of one half, no group falls below half of what it had at first, however many rounds."""
    params = PruneParams(method="channel", keep_macs=0.3, rounds=3, floor=0.5, fit=Fit(epochs=0))

    model, _, _ = prune_in_rounds(network, params, DATA, Recorder(), seed=0, stage="prune")

    widths = [layer.filters for layer in network.layers if isinstance(layer, keras.layers.Conv2D)]
    left = [layer.filters for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert all(now >= before / 2 for now, before in zip(left, widths, strict=True))


def test_slimming_goes_before_the_first_cut(network: Any) -> None:
    """It trains the whole model, for its own number of epochs."""
    learn = Recorder()
    params = PruneParams(method="channel", criterion="bn_gamma", slimming_epochs=4, fit=Fit(epochs=2))

    prune_in_rounds(network, params, DATA, learn, seed=0, stage="prune")

    assert learn.asked[0] == ("slimming", 4, count_macs(network))
    assert [epochs for _, epochs, _ in learn.asked] == [4, 2]


def test_statistics_are_estimated_anew_after_a_cut(network: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The first batch normalisation ends with those of its input on the train images."""
    params = PruneParams(method="channel", recalibration_examples=64, fit=Fit(epochs=0))

    model, _, _ = prune_in_rounds(network, params, DATA, Recorder(), seed=0, stage="prune")

    first = next(layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization))
    seen = keras.Model(model.inputs, first.input)(IMAGES).numpy()
    assert np.allclose(first.moving_mean, seen.mean((0, 1, 2)), atol=1e-4)
    assert "with the statistics of 9 batch normalisations from 64 examples" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("asked", "kept", "said"),
    [
        ({"macs": 0.6}, {"macs": 0.6}, ""),
        ({"macs": 0.6}, {"macs": 0.55}, ""),
        ({"macs": 0.6}, {"macs": 0.38}, "kept 38% of the MACs, 60% asked"),
        ({"macs": 0.6, "size": 0.5}, {"macs": 0.3, "size": 0.48}, ""),
        (
            {"macs": 0.6, "size": 0.5},
            {"macs": 0.3, "size": 0.4},
            "kept 40% of the bytes, 50% asked",
        ),
        ({"latency": 0.5}, {"latency": 0.7}, "kept 70% of the latency, 50% asked"),
        ({"latency": 0.5}, {}, ""),
    ],
)
def test_a_missed_target_is_said(asked: dict[str, float], kept: dict[str, float], said: str):
    """Further than five hundredths of the whole from the target, by the measure that comes closest, above or below."""
    assert missed(asked, kept) == said
