"""What quantization-aware training covers, and how it refuses the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featherline.tasks.compression.quantization.in_training.coverage import check_coverage
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.litert.graph import read_graph
from featherline.tasks.measuring.operators import float_operators
from featherline.tasks.networks.framework import keras, tf
from featherline.tasks.networks.graph import functional
from featherline.tasks.networks.zoo.cnn import cnn
from featherline.tasks.networks.zoo.ds_cnn import ds_cnn
from featherline.tasks.networks.zoo.mobilenet import mobilenet
from featherline.tasks.networks.zoo.resnet import resnet

L = keras.layers


def network(*layers: Any) -> Any:
    """Give a flat model of a convolution, these layers, and logits."""
    return functional(keras.Sequential([keras.Input((8, 8, 1)), L.Conv2D(4, 3), *layers, L.Flatten(), L.Dense(2)]))


@pytest.mark.parametrize("builder", [cnn, ds_cnn, mobilenet, resnet])
def test_the_zoo_is_covered(builder: Any) -> None:
    """Each builder's network can be trained quantization-aware."""
    options = {"depth": 8} if builder is resnet else {}

    check_coverage(builder((8, 8, 1), 10, **options))


REFUSED = {
    "normalisation behind a pooling": (
        (L.MaxPooling2D(), L.BatchNormalization(name="odd")),
        "a BatchNormalization behind a MaxPooling2D",
    ),
    "normalisation behind an activation": (
        (L.Conv2D(4, 1, activation="relu"), L.BatchNormalization(name="odd")),
        "a BatchNormalization behind a Conv2D with the activation relu",
    ),
    "normalisation behind a dense layer": (
        (L.Dense(4), L.BatchNormalization(name="odd")),
        "a BatchNormalization behind a Dense",
    ),
    "layer": ((L.LayerNormalization(name="odd"),), "a LayerNormalization"),
    "clipped activation on a bare convolution": (
        (L.ReLU(6.0, name="odd"),),
        "a ReLU right behind a Conv2D that it cannot be pulled into",
    ),
    "activation": ((L.Conv2D(4, 1, activation="swish", name="odd"),), "a Conv2D with the activation swish"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses_what_the_file_would_compute_in_float(case: str) -> None:
    """A layer that is not covered is named, with what it is and a way out."""
    layers, got = REFUSED[case]

    with pytest.raises(Refused) as refusal:
        check_coverage(network(*layers))

    (problem,) = refusal.value.problems
    assert problem.what == "quantize cannot train the layer odd quantization-aware"
    assert problem.got == got
    assert problem.fix.endswith("set quantize.qat to false: int8 after training covers it")


def int8_file(model: Any) -> bytes:
    """Return a model as an int8 file, quantized after training on noise."""
    images = np.random.default_rng(0).random((4, 1, 8, 8, 1), np.float32)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image] for image in images)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return bytes(converter.convert())


ADVISED = {name: layers for name, (layers, _) in REFUSED.items()} | {
    "elu": (L.Conv2D(4, 1, activation="elu"),),
    "ELU": (L.ELU(),),
    "ThresholdedReLU": (L.ThresholdedReLU(),),
    "PReLU beside an elu": (L.PReLU(shared_axes=[1, 2]), L.Conv2D(4, 1, activation="elu")),
    "PReLU": (L.PReLU(shared_axes=[1, 2]),),
    "selu": (L.Conv2D(4, 1, activation="selu"),),
    "exponential": (L.Conv2D(4, 1, activation="exponential"),),
    "hard_sigmoid": (L.Conv2D(4, 1, activation="hard_sigmoid"),),
}


@pytest.mark.parametrize("case", ADVISED)
def test_the_advice_of_a_refusal_can_be_followed(case: str) -> None:
    """Where int8 after training is advised the file is integer throughout; where it is not, it would not be."""
    model = network(*ADVISED[case])
    with pytest.raises(Refused) as refusal:
        check_coverage(model)
    advice = refusal.value.problems[0].fix

    left = float_operators(read_graph(int8_file(model)))

    assert advice.endswith("int8 after training covers it") == (left == [])
    assert ("dynamic_wi8_afp32 or float16" in advice) == (left != [])


def test_names_every_layer_at_once() -> None:
    """Two layers that are not covered are two problems."""
    with pytest.raises(Refused) as refusal:
        check_coverage(network(L.LayerNormalization(), L.ELU()))

    assert len(refusal.value.problems) == 2
