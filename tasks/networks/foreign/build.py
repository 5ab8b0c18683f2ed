"""A harmless configuration and copied weights as a tf_keras model: nothing larger than the file itself is ever made.

archive ──► (Keras 3: translated) ──► built, each weight counted before it is made ──► weights loaded ──► model
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

from featherline.tasks.contracts.dataset import Shape
from featherline.tasks.contracts.refusal import Refused, refuse
from featherline.tasks.networks.foreign.activations import with_functions
from featherline.tasks.networks.foreign.archive import Archive, unreadable
from featherline.tasks.networks.foreign.ellipsis import check_ranks, without_ellipsis
from featherline.tasks.networks.foreign.graph import check_calls, ending
from featherline.tasks.networks.foreign.keras3 import translate
from featherline.tasks.networks.foreign.sizes import close_nested, fill_sizes, outputs
from featherline.tasks.networks.framework import KerasModel, keras, tf

MOST_UNSAVED = 100_000
"""Numbers that a model may have beside those of its file, such as the states of random generators."""
MOST_IN_ONE_OUTPUT = 2**27
"""Numbers of an example between two layers: half a GiB."""


def build_model(archive: Archive, name: str, input_shape: Shape | None = None) -> KerasModel:
    """Build the model of a file and load its weights.

    Args:
        archive: What the file says.
        name: Of the file, for messages.
        input_shape: (height, width, channels) of the data, for an input that leaves sizes open.

    Raises:
        Refused: The model does not hold together, has other weights than the file, or swells within.
    """
    try:
        config = translate(archive.config, name) if archive.of_keras_3 else archive.config
        kind = keras.Sequential if config["class_name"] == "Sequential" else keras.Model
        check_calls(config)
        if input_shape is not None:
            _close_input(config, input_shape, was_called=archive.was_called)
        config = with_functions(config)
        of_examples = without_ellipsis(config)
        with _weights_of_at_most(archive.numbers, name) as begin:
            model = kind.from_config(ending(config)["config"])
            while input_shape is not None and model.built and close_nested(config, model):
                begin()
                model = kind.from_config(ending(config)["config"])
        check_ranks(model, of_examples, name)
        _check_outputs(model, name)
        loaded = model.load_weights(archive.weights) if model.built else None
        if loaded is not None:
            loaded.assert_existing_objects_matched()
    except (Refused, MemoryError):
        raise
    except Exception as error:  # a foreign file can break its reader in any way
        raise unreadable(name, f"{type(error).__name__}: {error}") from error
    return model


def _close_input(config: dict[str, Any], input_shape: Shape, *, was_called: bool) -> None:
    """Give the sizes of the data to an input that leaves them open, so that every size within is known."""
    layers = config["config"]["layers"]
    first = layers[0]
    if config["class_name"] == "Sequential" and was_called and "batch_input_shape" not in first["config"]:
        layers.insert(0, {"class_name": "InputLayer", "config": {"batch_input_shape": (None, *input_shape)}})
    for layer in layers:
        fill_sizes(layer["config"], input_shape)


@contextmanager
def _weights_of_at_most(numbers: int, name: str) -> Iterator[Callable[[], None]]:
    """Refuse a weight before it is made where there would be more numbers than the file has. Gives what begins anew."""
    left = [numbers + MOST_UNSAVED]

    def begin() -> None:
        left[0] = numbers + MOST_UNSAVED

    def counted(following: Any, **options: Any) -> Any:  # noqa: ANN401 - TensorFlow's own
        shape = options.get("shape")
        if shape is not None:
            left[0] -= prod(int(size) for size in tf.TensorShape(shape))
        if left[0] < 0:
            raise refuse(
                f"{name} cannot be read",
                expected=f"a model of the weights in the file, {numbers:,} numbers",
                got="layers with more weights than that",
                fix="save the model anew",
            )
        return following(**options)

    with tf.variable_creator_scope(counted):
        yield begin


def _check_outputs(model: KerasModel, name: str) -> None:
    for layer, shape in outputs(model):
        if prod(size or 1 for size in shape) > MOST_IN_ONE_OUTPUT:
            raise refuse(
                f"{name} cannot be read",
                expected=f"layers that give at most {MOST_IN_ONE_OUTPUT:,} numbers for an example",
                got=f"{layer}, which gives {shape}",
                fix="shrink the model, or its input",
            )
