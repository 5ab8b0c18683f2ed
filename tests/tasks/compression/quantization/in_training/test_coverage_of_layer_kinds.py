"""What no training for a smaller file can follow is refused by name, with what to do instead."""

from __future__ import annotations

from typing import Any

import pytest

from featherline.tasks.compression.quantization.in_training.clustering import clustered_while_training
from featherline.tasks.compression.quantization.in_training.coverage import check_coverage
from featherline.tasks.compression.quantization.in_training.int4 import int4_while_training
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.graph import functional

L = keras.layers


def over_steps(*layers: Any) -> Any:
    """Return a network of 6 steps of 4 numbers."""
    return keras.Sequential([keras.Input((6, 4)), *layers, L.GlobalAveragePooling1D(), L.Dense(3)])


def refused_of(call: Any, model: Any) -> dict[str, str]:
    """Return the kinds that are refused, each with what to do."""
    with pytest.raises(Refused) as refused:
        call(model)
    return {problem.got: problem.fix for problem in refused.value.problems}


@pytest.mark.parametrize("build", [L.LSTM, L.GRU, L.SimpleRNN])
def test_a_recurrent_layer_is_refused_by_each_training(build: Any) -> None:
    """Shared values, four bits and rounding to eight, each names the layer instead of leaving it as it is."""
    model, kind = over_steps(build(8, return_sequences=True, name="memory")), f"a {build.__name__}"

    assert kind in refused_of(lambda model: clustered_while_training(model, 4, keep_zeros=False), model)
    assert kind in refused_of(lambda model: int4_while_training(model, keep_zeros=False), model)
    assert kind in refused_of(check_coverage, functional(model))


def test_a_convolution_over_steps_shares_values_and_has_no_four_bits() -> None:
    """Clustering wraps its kernel; training for four bits and for eight refuse it by name."""
    model = over_steps(L.Conv1D(8, 3, name="conv"))

    wrapped = clustered_while_training(model, 4, keep_zeros=False)

    assert {layer.name for layer in wrapped.layers if type(layer).__name__ == "ClusterWeights"} == {
        "cluster_conv",
        f"cluster_{model.layers[-1].name}",
    }
    assert list(refused_of(lambda model: int4_while_training(model, keep_zeros=False), model)) == ["a Conv1D"]
    assert list(refused_of(check_coverage, functional(model))) == ["a Conv1D"]


@pytest.mark.parametrize(
    ("layer", "advice"),
    [
        (L.LSTM(8, return_sequences=True), "int8 after training covers it"),
        (L.GRU(8, return_sequences=True, name="loop"), "no int8 file can be made of loop"),
        (L.Bidirectional(L.GRU(8, return_sequences=True), name="both"), "no int8 file can be made of both"),
    ],
)
def test_the_advice_is_not_to_make_a_file_that_cannot_be_made(layer: Any, advice: str) -> None:
    """A GRU is a loop in the file, over which the converter dies where it calibrates int8; an LSTM is none."""
    fixes = refused_of(check_coverage, functional(over_steps(layer)))

    assert all(advice in fix for fix in fixes.values())


def test_layers_without_much_to_gain_stay_as_they_are_in_four_bits() -> None:
    """Depthwise and separable kernels, as ever: no refusal, and no twin."""
    model = keras.Sequential([keras.Input((6, 6, 3)), L.DepthwiseConv2D(3), L.SeparableConv2D(4, 3), L.Flatten()])

    made = int4_while_training(model, keep_zeros=False)

    assert [type(layer) for layer in made.layers[1:3]] == [L.DepthwiseConv2D, L.SeparableConv2D]
