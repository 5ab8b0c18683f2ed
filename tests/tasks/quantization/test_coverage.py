"""What quantization-aware training covers, and how it refuses the rest."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.contracts.refusal import Refused
from tasks.framework import keras
from tasks.pruning.graph import functional
from tasks.quantization.coverage import check_coverage
from tasks.zoo.cnn import cnn
from tasks.zoo.ds_cnn import ds_cnn
from tasks.zoo.mobilenet import mobilenet
from tasks.zoo.resnet import resnet

L = keras.layers


def network(*layers: Any) -> Any:
    """Give a flat model of a convolution, these layers, and logits."""
    return functional(keras.Sequential([keras.Input((8, 8, 1)), L.Conv2D(4, 3), *layers, L.Flatten(), L.Dense(2)]))


@pytest.mark.parametrize("builder", [cnn, ds_cnn, mobilenet, resnet])
def test_the_zoo_is_covered(builder: Any) -> None:
    """Each builder's network can be trained with quantization in the loop."""
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
    assert problem.what == "quantize cannot train the layer odd with quantization in the loop"
    assert problem.got == got
    assert problem.fix.endswith("set quantize.aware to false: int8 after training covers it")


def test_names_every_layer_at_once() -> None:
    """Two layers that are not covered are two problems."""
    with pytest.raises(Refused) as refusal:
        check_coverage(network(L.LayerNormalization(), L.ELU()))

    assert len(refusal.value.problems) == 2
