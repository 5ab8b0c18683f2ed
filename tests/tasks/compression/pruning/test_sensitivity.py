"""Ratios by trying: the loss of each cut alone, and who is cut for it."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

from featherline.tasks.compression.pruning.channel import Ranking, Target, prune_channels
from featherline.tasks.compression.pruning.cost import cost_of
from featherline.tasks.compression.pruning.groups import trace_channels
from featherline.tasks.compression.pruning.sensitivity import BATCH, kept_units, losses_alone, options_by_sensitivity
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.graph import functional
from featherline.tasks.problems.opening import open_problem
from featherline.tasks.training.data import TrainingData
from featherline.tasks.training.part import Part

L = keras.layers
OPTIONS = [(16, 8), (16, 8)]


@pytest.fixture
def lopsided() -> Any:
    """Give two layers of 16 of which the logits hear the first alone; all its channels say the same, at 1 each."""
    inputs = keras.Input((1,))
    heard, unheard = L.Dense(16, use_bias=False, name="heard"), L.Dense(16, use_bias=False, name="unheard")
    logits = L.Dense(2, use_bias=False, name="logits")
    model = keras.Model(inputs, logits(L.Concatenate()([heard(inputs), unheard(inputs)])))
    heard.set_weights([np.ones((1, 16))])
    unheard.set_weights([np.full((1, 16), 9.0)])
    logits.set_weights([np.array([[0.125, 0.0]] * 16 + [[0.0, 0.0]] * 16)])
    return functional(model)


def test_the_loss_of_each_cut_alone_is_measured(lopsided: Any) -> None:
    """Whole, the logits are 2 and 0; with half of the first layer 1 and 0; the second layer makes no difference."""
    channels = trace_channels(lopsided)

    losses = losses_alone(
        lopsided,
        channels,
        np.ones(channels.count),
        OPTIONS,
        batches=lambda: [np.ones((3, 1), np.float32)],
        problem=open_problem("classification"),
        labels=np.zeros(3, int),
    )

    whole, halved = np.log(1 + np.exp(-2)), np.log(1 + np.exp(-1))
    assert losses == [pytest.approx([whole, halved]), pytest.approx([whole, whole])]


class Watched(L.Layer):  # type: ignore[misc]
    """Gives what it takes, and remembers how many images a call had."""

    met: ClassVar[set[int | None]] = set()

    def call(self, inputs: Any) -> Any:
        """Remember the size of the batch."""
        self.met.add(inputs.shape[0])
        return inputs


def test_images_are_looked_at_in_batches_and_the_loss_is_that_of_all() -> None:
    """Of two batches and a half no call sees more than one; the mean over the images is no mean over the batches."""
    count = 5 * BATCH // 2
    inputs = keras.Input((1,))
    hidden = L.Dense(16, use_bias=False, kernel_initializer="ones", name="hidden")(Watched()(inputs))
    logits = L.Dense(2, use_bias=False, kernel_initializer=keras.initializers.Constant([[0.125, 0.0]] * 16))
    model = keras.Model(inputs, logits(hidden))
    channels = trace_channels(model)
    images = np.linspace(-1, 2, count, dtype=np.float32)[:, np.newaxis]

    ((whole, halved),) = losses_alone(
        model,
        channels,
        np.ones(channels.count),
        [(16, 8)],
        batches=lambda: np.split(images, [BATCH, 2 * BATCH]),
        labels=np.zeros(count, int),
        problem=open_problem("classification"),
    )

    assert whole == pytest.approx(float(np.log1p(np.exp(-2 * images)).mean()), rel=1e-5)
    assert halved == pytest.approx(float(np.log1p(np.exp(-images)).mean()), rel=1e-5)
    assert Watched.met - {None} == {BATCH, BATCH // 2}


def test_a_block_is_worth_the_loss_it_adds_for_what_it_saves(lopsided: Any) -> None:
    """Of 96 MACs a cut of either group saves 24: adding a loss of 1 is a score of 4."""
    cost = cost_of(lopsided, trace_channels(lopsided))

    options = options_by_sensitivity([[1.0, 2.0], [1.0, 1.0]], OPTIONS, [cost])

    assert cost.of(options.widest) == 96
    assert [list(block_scores) for block_scores in options.block_scores] == [[pytest.approx(4.0)], [0.0]]


def test_the_group_that_does_not_hurt_is_cut(lopsided: Any) -> None:
    """Though its weights are nine times as large."""
    data = TrainingData(
        Part({"x": np.ones((2, 1), np.float32)}, np.zeros(2, np.int64)),
        Part({"x": np.ones((3, 1), np.float32)}, np.zeros(3, np.int64)),
        2,
    )

    pruned = prune_channels(lopsided, Target({"macs": 0.75}), Ranking(ratios="sensitivity"), data=data)

    assert {cut.layers: cut.after for cut in pruned.cuts} == {("heard",): 16, ("unheard",): 8}


def test_the_best_units_of_a_group_are_kept(lopsided: Any) -> None:
    """As many as the width says, by score; of equal scores the first."""
    channels = trace_channels(lopsided)
    scores = np.zeros(channels.count)
    first = channels.groups[0].units
    scores[first[3]] = 1

    keep = kept_units(channels, scores, [2, 16])

    assert np.flatnonzero(keep[first]).tolist() == [0, 3]
    assert keep[channels.groups[1].units].all()
