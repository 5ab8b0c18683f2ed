"""What a network takes over from a trained relative, against what can be seen in the weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution

from tasks.contracts.model import Architecture
from tasks.searching.inheritance import WEIGHTS, inherit, relative
from tasks.zoo.build import build

SPACE = {name: CategoricalDistribution((8, 16, 24)) for name in ("a", "b", "c", "d")}


def network(**options: object) -> Any:
    """Return a ResNet of one block a stage, its weights drawn anew."""
    return build(Architecture(builder="resnet", options={"depth": 8} | options), (8, 8, 1), 10)


def told(study: optuna.Study, accuracy: float, *, kept: bool = True, **chosen: int) -> None:
    """Add a finished trial."""
    attributes = {WEIGHTS: {}} if kept else {}
    study.add_trial(
        optuna.create_trial(params=chosen, distributions=SPACE, values=[accuracy, 1.0], user_attrs=attributes)
    )


@pytest.fixture
def study() -> optuna.Study:
    """Give an empty study."""
    return optuna.create_study(directions=["maximize", "minimize"])


def asked(study: optuna.Study, **chosen: int) -> optuna.Trial:
    """Return a running trial with these choices."""
    study.enqueue_trial(chosen)
    return study.ask(dict(SPACE))


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


def test_the_relative_shares_most_choices(study: optuna.Study):
    """Then accuracy counts, and a trial whose network was not kept is none."""
    told(study, 0.9, a=8, b=8, c=16, d=16)
    told(study, 0.5, a=8, b=8, c=8, d=16)
    told(study, 0.6, a=8, b=8, c=8, d=24)
    told(study, 0.99, kept=False, a=8, b=8, c=8, d=8)

    found = relative(asked(study, a=8, b=8, c=8, d=8))

    assert found is not None
    assert found.number == 2


def test_who_shares_less_than_half_is_no_relative(study: optuna.Study):
    """Nor is anybody in an empty study."""
    assert relative(asked(study, a=8, b=8, c=8, d=8)) is None
    told(study, 0.9, a=8, b=16, c=16, d=16)

    assert relative(asked(study, a=8, b=8, c=8, d=8)) is None
