"""Files with several inputs and outputs: fed and read by name, from the network to what runs the file."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from featherline.tasks.contracts.model import Model, Scheme
from featherline.tasks.litert.conversion import convert_apart
from featherline.tasks.litert.interpreter import FileRunner
from featherline.tasks.networks.ends import ends_of
from featherline.tasks.networks.framework import KerasModel, keras
from featherline.tasks.networks.model_files import put_model
from featherline.tasks.networks.predict import predict
from featherline.tasks.store.artifacts import Store

COUNT = 16


@pytest.fixture
def network() -> KerasModel:
    """Give one with two inputs and two outputs whose names do not come in the order in which they were made."""
    keras.utils.set_random_seed(0)
    picture, hand = keras.Input((6, 6, 1), name="picture"), keras.Input((3,), name="hand")
    seen = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3, activation="relu")(picture))
    joined = keras.layers.Concatenate()([seen, keras.layers.Dense(4, activation="relu")(hand)])
    outputs = {"where": keras.layers.Dense(4, name="b")(joined), "alike": keras.layers.Dense(4, name="a")(joined)}
    return keras.Model([picture, hand], outputs)


@pytest.fixture
def examples() -> dict[str, NDArray[np.float32]]:
    """Give inputs, the hand first."""
    generator = np.random.default_rng(0)
    return {
        "hand": generator.normal(size=(COUNT, 3)).astype(np.float32),
        "picture": generator.normal(size=(COUNT, 6, 6, 1)).astype(np.float32),
    }


@pytest.fixture
def file_of(store: Store, network: KerasModel, examples: dict[str, NDArray[np.float32]]) -> Callable[[Scheme], bytes]:
    """Give a function that converts the network as `export` does, in a process of its own."""
    model = Model(file=put_model(store, network), parameters=1, macs=1, validation_quality=0.0, ends=ends_of(network))
    return lambda scheme: convert_apart(store, model, scheme, examples).data


@pytest.mark.parametrize(("scheme", "near"), [("float32", 1e-5), ("int8", 0.05)])
def test_each_output_is_that_of_the_network(
    file_of: Callable[[Scheme], bytes],
    network: KerasModel,
    examples: dict[str, NDArray[np.float32]],
    scheme: Scheme,
    near: float,
) -> None:
    """By name, though both have one shape; and the ends of the file are those of the network."""
    runner = FileRunner(file_of(scheme))

    given, expected = runner.predict(examples), predict(network, examples)

    assert list(given) == list(runner.ends.outputs)
    assert set(given) == {"where", "alike"}
    assert all(np.abs(values - expected[name]).max() < near for name, values in given.items())
    assert runner.gives({"alike": (4,), "where": (4,)})
    assert not runner.gives({"where": (4,)})
    assert {name: spec.shape for name, spec in runner.ends.inputs.items()} == {"hand": (3,), "picture": (6, 6, 1)}
