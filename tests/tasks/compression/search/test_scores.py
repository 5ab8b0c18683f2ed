"""Cheap scores of untrained networks, against what can be computed by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from featherline.tasks.compression.search.scores import (
    agreeing,
    evenly,
    in_float64,
    log_determinant,
    naswot,
    synflow,
    synflow_at_any_depth,
)
from featherline.tasks.contracts.model import Architecture
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.zoo.build import build

L = keras.layers


def linear(*kernels: list[list[float]]) -> Any:
    """Return a linear network of dense layers with these kernels on an image of one pixel."""
    model = keras.Sequential([keras.Input((1, 1, len(kernels[0]))), L.Flatten()])
    for kernel in kernels:
        model.add(L.Dense(len(kernel[0]), use_bias=False))
    model.set_weights([np.array(kernel) for kernel in kernels])
    return model


def test_synflow_of_a_linear_network_is_its_product_times_its_layers() -> None:
    """1 |W1| |W2| 1 = (1 + 3) * 1 + (2 + 4) * 5 = 34; each of the two layers carries all of it."""
    model = linear([[1.0, -2.0], [3.0, 4.0]], [[1.0], [-5.0]])

    assert synflow(model) == pytest.approx(2 * 34)


def test_synflow_grows_with_a_weight_and_leaves_the_weights_alone() -> None:
    """Twice a layer's weights is twice the score; signs do not matter."""
    weak, strong = linear([[1.0, -2.0]], [[1.0], [3.0]]), linear([[-2.0, 4.0]], [[1.0], [3.0]])

    scores = [synflow(weak), synflow(strong)]

    assert scores[1] == pytest.approx(2 * scores[0])
    assert strong.get_weights()[0].tolist() == [[-2.0, 4.0]]


def test_synflow_of_a_severed_network_is_zero() -> None:
    """Nothing flows through a layer of zeros."""
    assert synflow(linear([[1.0, 2.0]], [[0.0], [0.0]])) == 0.0


def test_synflow_of_a_deep_network_is_finite_in_float64() -> None:
    """ResNet-44 passes what float32 holds."""

    def deep() -> Any:
        keras.utils.set_random_seed(0)
        return build(Architecture(builder="resnet", options={"depth": 44}), (8, 8, 1), 10)

    model = deep()

    assert not math.isfinite(synflow(model))
    assert 1e39 < synflow_at_any_depth(model, deep) < math.inf
    assert keras.backend.floatx() == "float32"


def test_both_widths_give_one_synflow() -> None:
    """Where float32 is enough, float64 has the same weights and the same score, to rounding."""

    def shallow() -> Any:
        keras.utils.set_random_seed(0)
        return build(Architecture(builder="mobilenet"), (8, 8, 1), 10)

    model, twin = shallow(), in_float64(shallow)
    twin.set_weights(model.get_weights())

    assert twin.compute_dtype == "float64"
    assert synflow(twin) == pytest.approx(synflow(model), rel=1e-4)


def rectified(kernel: list[list[float]]) -> Any:
    """Return a network of one layer of rectifiers on images of one pixel."""
    model = keras.Sequential([keras.Input((1, 1, len(kernel))), L.Flatten(), L.Dense(len(kernel[0]), "relu")])
    model.set_weights([np.array(kernel), np.zeros(len(kernel[0]))])
    return model


def test_naswot_of_two_images_seen_apart_is_the_logarithm_of_four() -> None:
    """Codes (1, 0) and (0, 1) agree nowhere, K = ((2, 0), (0, 2)); seen alike, the determinant is 0."""
    images = np.array([[1.0, -1.0], [-1.0, 1.0]], np.float32).reshape(2, 1, 1, 2)

    assert naswot(rectified([[1.0, 0.0], [0.0, 1.0]]), images) == pytest.approx(math.log(4))
    assert naswot(rectified([[1.0, 1.0], [0.0, 0.0]]), images[[0, 0]]) == -math.inf


def test_naswot_is_higher_for_a_network_that_separates_more() -> None:
    """Rectifiers in three directions tell images apart better than three in one direction."""
    images = np.array([[1, 1], [-1, 1], [1, -1], [2, -1]], np.float32).reshape(4, 1, 1, 2)

    many = naswot(rectified([[1.0, 0.0, 1.0, 1.0], [0.0, 1.0, 1.0, 1.5]]), images)
    few = naswot(rectified([[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]]), images)

    assert many is not None
    assert few is not None
    assert many > few


def test_naswot_adds_up_the_rectifiers_of_all_layers() -> None:
    """K counts the bits of both codes: 1 of 3 agree, so log |((3, 1), (1, 3))| = log 8."""
    codes = [np.array([[True, False], [False, True]]), np.array([[True], [True]])]

    assert log_determinant([agreeing(code).numpy() for code in codes]) == pytest.approx(math.log(8))


def test_naswot_leaves_the_network_as_it_was() -> None:
    """The statistics of the batch are not kept."""
    model = build(Architecture(builder="mobilenet", options={"widths": [8], "depths": [1]}), (8, 8, 1), 10)
    before = model.get_weights()

    naswot(model, np.random.default_rng(0).normal(size=(8, 8, 8, 1)).astype(np.float32))

    assert all(np.array_equal(one, other) for one, other in zip(before, model.get_weights(), strict=True))


def test_a_network_without_rectifiers_has_no_naswot() -> None:
    """A linear network has no code."""
    assert naswot(linear([[1.0]]), np.zeros((2, 1, 1, 1), np.float32)) is None


def test_images_are_taken_evenly() -> None:
    """Of ten images four are the first, the last and two between; of two all."""
    assert evenly(10, 4).tolist() == [0, 3, 6, 9]
    assert evenly(2, 4).tolist() == [0, 1]
