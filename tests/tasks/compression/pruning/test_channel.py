"""Surgery and channel pruning as a whole: equal to the masked original, cheaper as asked, still exportable."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featherline.tasks.compression.pruning.channel import Ranking, Target, prune_channels
from featherline.tasks.compression.pruning.groups import trace_channels
from featherline.tasks.compression.pruning.layers import flow_of
from featherline.tasks.compression.pruning.surgery import check_equivalence, masked_copy, shrink
from featherline.tasks.contracts.model import Architecture
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.graph import functional
from featherline.tasks.networks.layer_kinds.kind import Flow
from featherline.tasks.networks.macs import count_macs
from featherline.tasks.networks.zoo.build import build

L = keras.layers
HALF = Target({"macs": 0.5})


def test_a_pruned_residual_network_equals_the_original_with_silent_channels(residual: Any) -> None:
    """Zeroing the dropped channels where they are made gives, to rounding, what the narrower model gives."""
    channels = trace_channels(residual)
    keep = np.ones(channels.count, np.bool_)
    stream, inner = channels.groups
    keep[stream.units[::2]] = False
    keep[inner.units[:16]] = False
    silent = keras.models.clone_model(residual)
    silent.set_weights(residual.get_weights())
    for name in ("stem", "first", "second"):
        mask = keep[channels.ports[name].outputs]
        silent.get_layer(name).set_weights([weight * mask for weight in silent.get_layer(name).get_weights()])
        normalisation = silent.get_layer(f"{name}_bn")
        gamma, beta, mean, variance = normalisation.get_weights()
        normalisation.set_weights([gamma * mask, beta * mask, mean, variance])
    images = np.random.default_rng(2).standard_normal((4, 8, 8, 3)).astype(np.float32)

    small = shrink(residual, channels, keep)

    assert [small.get_layer(name).filters for name in ("stem", "first", "second")] == [8, 8, 8]
    expected = silent(images, training=False).numpy()
    assert np.allclose(small(images, training=False).numpy(), expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def test_kept_channels_keep_their_statistics(residual: Any) -> None:
    """Scales, offsets, means and variances of the kept channels are copied."""
    channels = trace_channels(residual)
    keep = np.ones(channels.count, np.bool_)
    keep[next(group for group in channels.groups if group.layers == ("first",)).units[:8]] = False

    small = shrink(residual, channels, keep)

    pairs = zip(small.get_layer("first_bn").get_weights(), residual.get_layer("first_bn").get_weights(), strict=True)
    assert all(np.array_equal(new, old[8:]) for new, old in pairs)


def test_every_kind_of_layer_survives_the_surgery(everything: Any) -> None:
    """Half of every group dropped: the narrower model equals the masked one, of the kinds of layer all at once."""
    flat = functional(everything)
    channels = trace_channels(flat)
    keep = np.ones(channels.count, np.bool_)
    for group in channels.groups:
        keep[group.units[1::2]] = False

    small = shrink(flat, channels, keep)

    assert check_equivalence(small, masked_copy(flat, channels, keep), seed=0) <= 1e-4
    assert count_macs(small) < 0.5 * count_macs(flat)


@pytest.mark.parametrize(
    "layer",
    [
        L.Identity(),
        L.ThresholdedReLU(0.5),
        L.AlphaDropout(0.5),
        L.SpatialDropout2D(0.5),
        L.GaussianNoise(0.5),
        L.GaussianDropout(0.5),
        L.ActivityRegularization(l2=0.1),
        L.Subtract(),
        L.Average(),
        L.Maximum(),
        L.Minimum(),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_channels_are_cut_on_both_sides_of_a_layer(layer: Any) -> None:
    """Every second of 16 channels dropped: equal to the original whose next layer has zeros in these rows."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4, 4, 3))
    a = L.Conv2D(16, 3, name="a")(inputs)
    x = layer([a, L.Conv2D(16, 3, name="b")(inputs)]) if flow_of(layer) is Flow.JOINS else layer(a)
    model = keras.Model(inputs, L.Dense(2)(L.Flatten()(L.Conv2D(8, 1, name="next")(x))))
    flat = functional(model)
    channels = trace_channels(flat)
    group = channels.groups[0]
    keep = np.ones(channels.count, np.bool_)
    keep[group.units[1::2]] = False
    images = np.random.default_rng(2).standard_normal((4, 4, 4, 3)).astype(np.float32)

    small = shrink(flat, channels, keep)

    kernel, bias = model.get_layer("next").get_weights()
    kernel[:, :, 1::2] = 0
    model.get_layer("next").set_weights([kernel, bias])
    assert set(group.layers) == ({"a", "b"} if flow_of(layer) is Flow.JOINS else {"a"})
    assert all(small.get_layer(name).filters == 8 for name in group.layers)
    assert any(type(each) is type(layer) for each in small.layers)
    assert np.allclose(small(images, training=False), model(images, training=False), atol=1e-5)


def test_wrong_surgery_is_found(residual: Any) -> None:
    """A pruned model with two channels exchanged is not taken for the masked original."""
    channels = trace_channels(residual)
    keep = np.ones(channels.count, np.bool_)
    keep[next(group for group in channels.groups if group.layers == ("first",)).units[:8]] = False
    small = shrink(residual, channels, keep)
    kernel, bias = small.get_layer("first").get_weights()
    small.get_layer("first").set_weights([kernel[..., [1, 0, *range(2, 16)]], bias])

    with pytest.raises(AssertionError, match="not the masked original"):
        check_equivalence(small, masked_copy(residual, channels, keep), seed=0)


@pytest.mark.parametrize("criterion", ["l1", "l2"])
@pytest.mark.parametrize(
    "architecture",
    [
        Architecture(builder="resnet", options={"depth": 8, "width": 16}),
        Architecture(builder="cnn"),
        Architecture(builder="ds_cnn"),
        Architecture(builder="mobilenet", options={"widths": [24, 48, 64], "depths": [1, 2, 2], "features": 128}),
        Architecture(builder="mobilenet", options={"stem": 32, "widths": [64, 96], "depths": [1, 1], "kernel": 5}),
        Architecture(
            builder="resnet", options={"widths": [32, 64], "depths": [1, 2], "block": "separable", "stem": 16}
        ),
    ],
    ids=["resnet", "cnn", "ds_cnn", "mobilenet", "mobilenet5x5", "separable"],
)
def test_the_zoo_can_be_pruned_to_half(architecture: Architecture, criterion: Any) -> None:
    """Each builder's network comes to 0.45 to 0.5 of its MACs, in multiples of eight."""
    model = build(architecture, (8, 8, 1), 10)

    pruned = prune_channels(model, HALF, Ranking(criterion))

    assert 0.45 <= pruned.macs / count_macs(model) <= 0.5
    assert pruned.macs == count_macs(pruned.model)
    assert all(cut.after % 8 == 0 for cut in pruned.cuts)
    assert pruned.difference <= 1e-4
    assert pruned.model.count_params() < model.count_params()


def test_the_quietest_channels_are_the_ones_that_leave() -> None:
    """Of 16 channels of which the even ones are ten times as loud, the even ones stay."""
    model = keras.Sequential([keras.Input((4, 4, 1)), L.Conv2D(16, 1, name="c"), L.Flatten(), L.Dense(2)])
    kernel = np.where(np.arange(16) % 2 == 0, 1.0, 0.1).reshape(1, 1, 1, 16)
    model.get_layer("c").set_weights([kernel, np.zeros(16)])

    pruned = prune_channels(model, HALF, Ranking("l2"))

    assert pruned.model.get_layer("c").get_weights()[0].ravel().tolist() == [1.0] * 8


def test_the_original_stays_as_it_is(residual: Any) -> None:
    """Pruning changes neither the weights nor the shape of the model that it is given."""
    before = [weight.copy() for weight in residual.get_weights()]

    prune_channels(residual, HALF, Ranking("bn_gamma"))

    assert all(np.array_equal(old, new) for old, new in zip(before, residual.get_weights(), strict=True))


def test_a_model_without_inner_channels_is_refused() -> None:
    """Logits straight from the image leave nothing to remove."""
    model = keras.Sequential([keras.Input((4, 4, 1)), L.Flatten(), L.Dense(10)])

    with pytest.raises(Refused) as refusal:
        prune_channels(model, HALF, Ranking("l2"))

    assert refusal.value.problems[0].what.startswith("prune finds no channels to remove")
