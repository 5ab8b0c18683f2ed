"""Who refuses: each refusal of pruning is told by the step that prunes, with the parameters of its own section."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from featherline.tasks.compression.pruning.channel import Ranking, Target, Whole, prune_channels
from featherline.tasks.compression.pruning.latency import widest_within
from featherline.tasks.compression.pruning.slimming import with_gamma_penalty
from featherline.tasks.compression.pruning.sparse import sparse_while_training
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.graph import functional

L = keras.layers


def of(*layers: Any) -> Any:
    """Return a flat network of images of 4 by 4 by 3 pixels."""
    return functional(keras.Sequential([keras.Input((4, 4, 3)), *layers]))


def cut(model: Any, criterion: Any = "l2", keep_macs: float = 0.5) -> Any:
    """Prune channels for the step `trim`."""
    return prune_channels(model, Target({"macs": keep_macs}), Ranking(criterion), whole=Whole(model, section="trim"))


def broken() -> Any:
    """Return a network whose first kernel holds a NaN."""
    model = of(L.Conv2D(16, 1), L.Flatten(), L.Dense(2))
    kernel = model.layers[1].kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    return model


REFUSALS: dict[str, Callable[[], Any]] = {
    "a layer that cannot be followed": lambda: cut(of(L.Conv2D(16, 1), L.Permute((3, 1, 2)), L.Flatten(), L.Dense(2))),
    "weights that are not finite": lambda: cut(broken()),
    "no gammas to rank by": lambda: cut(of(L.Conv2D(16, 1), L.Flatten(), L.Dense(2)), "bn_gamma"),
    "no channels": lambda: cut(of(L.Flatten(), L.Dense(2))),
    "a target out of reach": lambda: cut(of(L.Conv2D(16, 1), L.Flatten(), L.Dense(2)), keep_macs=0.001),
    "a latency out of reach": lambda: widest_within(lambda ratio: ratio + 0.3, 0.2, 0.4, 3, section="trim"),
    "no gammas to make small": lambda: with_gamma_penalty(of(L.Flatten(), L.Dense(2)), 0.1, "trim"),
    "no kernels": lambda: sparse_while_training(of(L.Flatten()), "magnitude", 0.5, 10, "trim"),
}


@pytest.mark.parametrize("refused", REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_of_trim_speaks_of_trim(refused: Callable[[], Any]) -> None:
    """Neither the step nor a parameter is called by the name of the other one."""
    with pytest.raises(Refused) as refusal:
        refused()

    assert refusal.value.problems[0].what.startswith("trim ")
    assert "prune." not in str(refusal.value)
    assert "prune cannot" not in str(refusal.value)
