"""What a network takes over from a trained relative, against what can be seen in the weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featherline.tasks.compression.search.inheritance import inherit, relative
from featherline.tasks.contracts.model import Architecture
from featherline.tasks.contracts.references import ModelFileRef
from featherline.tasks.contracts.trials import Trial
from featherline.tasks.networks.zoo.build import build

CHOICES = ("a", "b", "c", "d.1")
FILE = ModelFileRef(uri="artifacts/x", sha256="0" * 64, bytes=1)


def network(**options: object) -> Any:
    """Return a ResNet of one block a stage, its weights drawn anew."""
    return build(Architecture(builder="resnet", options={"depth": 8} | options), (8, 8, 1), 10)


def trial(number: int, quality: float | None = None, *, kept: bool = True, **chosen: int) -> Trial:
    """Return a trial with these choices, the last one of which is an entry of a list."""
    options = {name: [0, value] if name == "d" else value for name, value in chosen.items()}
    return Trial(
        number=number,
        architecture=Architecture(builder="cnn", options=options),
        state="complete",
        quality=quality,
        epochs=1,
        macs=1,
        parameters=1,
        size_bytes=1,
        seconds=0.0,
        weights=FILE if kept else None,
    )


def test_the_same_network_inherits_all_of_it():
    """Two networks of one architecture answer alike afterwards."""
    heir, parent = network(width=8), network(width=8)
    images = np.random.default_rng(0).normal(size=(4, 8, 8, 1)).astype(np.float32)
    assert not np.allclose(heir(images), parent(images))

    assert inherit(heir, parent) == 1

    assert np.allclose(heir(images), parent(images))


@pytest.mark.parametrize(("mine", "its"), [(16, 8), (8, 16)])
def test_of_another_width_the_leading_channels_are_taken(mine: int, its: int):
    """The first kernel's common channels are the parent's; what is more stays as it was."""
    heir, parent = network(width=mine), network(width=its)
    before, given = heir.get_weights()[0], parent.get_weights()[0]

    part = inherit(heir, parent)

    after = heir.get_weights()[0]
    assert np.array_equal(after[..., :8], given[..., :8])
    assert np.array_equal(after[..., 8:], before[..., 8:])
    assert part == 1 if mine < its else 0 < part < 0.5


def test_one_block_more_shifts_nothing():
    """The head and the blocks before it are the parent's, and the whole parent is used."""
    heir, parent = network(depths=[1, 2, 1]), network(depths=[1, 1, 1])

    inherit(heir, parent)

    assert np.array_equal(heir.layers[-1].get_weights()[0], parent.layers[-1].get_weights()[0])
    assert np.array_equal(heir.get_weights()[0], parent.get_weights()[0])


def test_the_relative_shares_most_choices():
    """Then accuracy counts, and a trial whose network was not kept is none."""
    before = [
        trial(0, 0.9, a=8, b=8, c=16, d=16),
        trial(1, 0.5, a=8, b=8, c=8, d=16),
        trial(2, 0.6, a=8, b=8, c=8, d=24),
        trial(3, 0.99, kept=False, a=8, b=8, c=8, d=8),
    ]

    found = relative(trial(4, a=8, b=8, c=8, d=8), before, CHOICES)

    assert found is not None
    assert found.number == 2


def test_who_shares_less_than_half_is_no_relative():
    """Nor is anybody where nothing is known."""
    heir = trial(1, a=8, b=8, c=8, d=8)

    assert relative(heir, [], CHOICES) is None
    assert relative(heir, [trial(0, 0.9, a=8, b=16, c=16, d=16)], CHOICES) is None
