"""A user's model file as a tf_keras model that gives logits.

    fetch ──► archive ──► harmless configuration ──► (Keras 3: translated) ──► built ──► weights ──► logits, shapes

Nothing of the file is run: no Lambda, no custom class, no pickle, no function of a SavedModel.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from tasks.contracts.refusal import Problem, Refused, examples, refuse
from tasks.contracts.safe_text import visible
from tasks.foreign.archive import open_archive, unreadable
from tasks.foreign.configuration import harmless
from tasks.foreign.fetch import fetched
from tasks.foreign.keras3 import translate
from tasks.foreign.sizes import close_nested, fill_sizes, open_layers
from tasks.framework import keras

LAYERS = keras.layers


def read_model(source: str, input_shape: tuple[int, int, int], classes: int) -> Any:  # noqa: ANN401 - no types
    """Read a model file; a softmax at its end is taken off, and said so.

    Args:
        source: A `.keras` or `.h5` file or SavedModel folder: a path of this machine, or `s3://bucket/key`.
        input_shape: (height, width, channels) of the data.
        classes: Of the data.

    Raises:
        Refused: There is no such file, it is cut off, it holds code or layers that are not Keras' own, or its model
            takes or gives other shapes than the data needs.
    """
    with fetched(source) as path, tempfile.TemporaryDirectory(prefix="featherline-") as folder:
        model = _rebuild(path, Path(folder), input_shape)
    _check_shapes(model, path.name, input_shape, classes)
    _check_sizes(model, path.name)
    return _to_logits(model, path.name)


def _rebuild(path: Path, folder: Path, input_shape: tuple[int, int, int]) -> Any:  # noqa: ANN401
    archive = open_archive(path, folder)
    config = harmless(archive.config, path.name)
    if archive.keras_version.startswith("3"):
        config = translate(config, path.name)
        print(f"{visible(path.name)} was saved by Keras {visible(archive.keras_version)}: rebuilt with tf_keras")
    kind = keras.Sequential if config["class_name"] == "Sequential" else keras.Model
    was_called = bool(archive.config.get("build_config") or archive.config["config"].get("build_input_shape"))
    _close_input(config, input_shape, was_called=was_called)
    try:
        model = kind.from_config(config["config"])
        while model.built and close_nested(config, model):
            model = kind.from_config(config["config"])
        loaded = model.load_weights(archive.weights) if model.built else None
        if loaded is not None:
            loaded.assert_existing_objects_matched()
    except MemoryError:
        raise
    except Exception as error:  # a foreign file can break its reader in any way
        raise unreadable(path, f"{type(error).__name__}: {error}") from error
    if not model.built:
        raise _unbuilt(path.name)
    return model


def _close_input(config: dict[str, Any], input_shape: tuple[int, int, int], *, was_called: bool) -> None:
    """Give the sizes of the data to an input that leaves them open, so that every size within is known."""
    layers = config["config"]["layers"]
    if config["class_name"] == "Sequential" and was_called and "batch_input_shape" not in layers[0]["config"]:
        layers.insert(0, {"class_name": "InputLayer", "config": {"batch_input_shape": (None, *input_shape)}})
    for layer in layers:
        fill_sizes(layer["config"], input_shape)


def _check_shapes(model: Any, name: str, input_shape: tuple[int, int, int], classes: int) -> None:  # noqa: ANN401
    """Refuse shapes other than those of the data, all at once; one that was open is that of the data."""
    problems = []
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise refuse(
            f"{name} is not one image to one answer",
            expected="one input and one output",
            got=f"{len(model.inputs)} inputs and {len(model.outputs)} outputs",
            fix="save the part of the model that classifies",
        )
    takes, gives = tuple(model.inputs[0].shape), tuple(model.outputs[0].shape)
    if takes[1:] != tuple(input_shape):
        problems.append(
            Problem(
                f"{name} does not take these images",
                f"an input of (height, width, channels) {input_shape}, as the data has",
                f"an input of {takes[1:]}",
                "take the data that the model was made for, or set data.image_size and data.channels",
            )
        )
    if gives[1:] != (classes,):
        problems.append(
            Problem(
                f"{name} does not know these classes",
                f"an output of {classes} classes, as the data has",
                f"an output of {gives[-1] if len(gives) == 2 else gives[1:]}",  # noqa: PLR2004 - (n, classes)
                "take the data that the model was made for, or correct data.classes",
            )
        )
    if problems:
        raise Refused(*problems)


def _check_sizes(model: Any, name: str) -> None:  # noqa: ANN401
    """Refuse a model that leaves sizes open within, though its input has all of them."""
    if found := list(dict.fromkeys(open_layers(model))):
        raise refuse(
            f"{name} leaves sizes open within",
            expected="layers whose every size follows from that of the image",
            got=examples(found),
            fix="give the Input of each nested model its height and width, and call it at one size alone",
        )


def _to_logits(model: Any, name: str) -> Any:  # noqa: ANN401
    """Return a functional model that ends in logits."""
    last = model.outputs[0]._keras_history.layer  # noqa: SLF001 - the only way from a tensor to its layer
    output = model.outputs[0]
    activation = getattr(last, "activation", keras.activations.linear)
    if isinstance(last, LAYERS.Softmax) or (
        isinstance(last, LAYERS.Activation) and activation is keras.activations.softmax
    ):
        output = last.input
    elif activation is keras.activations.softmax:
        last.activation = keras.activations.linear
        output = last(last.input)
    elif activation is not keras.activations.linear or isinstance(last, LAYERS.ReLU):
        raise refuse(
            f"{name} does not end in logits or a softmax over the classes",
            expected="a last layer with linear or softmax activation",
            got=f"{type(last).__name__} {last.name} with {getattr(activation, '__name__', activation)}",
            fix="train the model with logits or a softmax at its end",
        )
    if output is not model.outputs[0]:
        print(f"{visible(name)}: the softmax of {visible(last.name)} was taken off, the model now gives logits")
    return keras.Model(model.inputs, output, name=model.name)


def _unbuilt(name: str) -> Refused:
    return refuse(
        f"{name} leaves its input open",
        expected="a model that names the shape of its input",
        got="a sequential model without an input layer that was never called",
        fix="begin it with an Input layer and save it anew",
    )
