"""The ends of a network, by name."""

from __future__ import annotations

import numpy as np
import pytest

from featherline.tasks.contracts.model import Ends, TensorSpec
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.networks.ends import ends_of
from featherline.tasks.networks.framework import KerasModel, keras
from featherline.tasks.networks.graph import functional
from featherline.tasks.networks.predict import predict


@pytest.fixture
def network() -> KerasModel:
    """Give one with two inputs of different shapes and kinds of number, and two outputs."""
    words, sound = keras.Input((3,), dtype="int32", name="words"), keras.Input((4, 2), name="sound")
    meant = keras.layers.Flatten()(keras.layers.Embedding(9, 2)(words))
    joined = keras.layers.Concatenate()([meant, keras.layers.Flatten()(sound)])
    outputs = {"where": keras.layers.Dense(4)(joined), "what": keras.layers.Dense(2, name="a_name")(joined)}
    return keras.Model([words, sound], outputs)


def test_several_ends_have_the_names_that_the_network_gives(network: KerasModel) -> None:
    """Input layers and keys of the dict, whatever one asks for; shapes and kinds of number are theirs."""
    ends = ends_of(network, ["sole"], ["sole"])

    assert ends == Ends(
        inputs={
            "words": TensorSpec(shape=(3,), dtype="int32"),
            "sound": TensorSpec(shape=(4, 2), dtype="float32"),
        },
        outputs={"where": TensorSpec(shape=(4,), dtype="float32"), "what": TensorSpec(shape=(2,), dtype="float32")},
    )


def test_a_sole_end_has_the_name_of_the_data_and_of_the_problem() -> None:
    """Not that of its layer, which nobody outside knows."""
    network = keras.Sequential([keras.Input((5,), name="input_7"), keras.layers.Dense(2, name="dense_3")])

    ends = ends_of(network, ["image"], ["logits"])

    assert (list(ends.inputs), list(ends.outputs)) == (["image"], ["logits"])
    assert (list(ends_of(network).inputs), list(ends_of(network).outputs)) == (["input_7"], ["dense_3"])


def test_outputs_in_a_list_are_refused(network: KerasModel) -> None:
    """No file keeps the order of a list."""
    unnamed = keras.Model(network.inputs, list(network.output.values()))

    with pytest.raises(Refused) as refused:
        ends_of(unnamed)

    assert refused.value.problems[0].got == "2 in a list, whose order a file does not keep"


def test_a_flat_copy_keeps_the_names(network: KerasModel) -> None:
    """And gives what the network gives, by name; of no example too."""
    inputs = {"words": np.ones((5, 3), np.int32), "sound": np.ones((5, 4, 2), np.float32)}
    copy = functional(network)

    expected, given = predict(network, inputs, 2), predict(copy, inputs)

    assert ends_of(copy) == ends_of(network)
    assert {name: values.shape for name, values in expected.items()} == {"where": (5, 4), "what": (5, 2)}
    assert all(np.array_equal(values, given[name]) for name, values in expected.items())
    none = predict(network, {name: values[:0] for name, values in inputs.items()})
    assert {name: values.shape for name, values in none.items()} == {"where": (0, 4), "what": (0, 2)}
