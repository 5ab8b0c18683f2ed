"""A user's model file as a tf_keras model that gives logits.

    fetch ──► archive, opened in a process apart ──► built ──► weights ──► logits, shapes

Nothing of the file is run: no Lambda, no custom class, no pickle, no function of a SavedModel.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from featherline.tasks.contracts.dataset import InputShape, Shape
from featherline.tasks.contracts.modalities.parameters import SIZE_KEY
from featherline.tasks.contracts.problems.parameters import VOCABULARY_KEY
from featherline.tasks.contracts.refusal import Problem, Refused, examples, refuse
from featherline.tasks.contracts.safe_text import visible
from featherline.tasks.networks.foreign.apart import open_apart
from featherline.tasks.networks.foreign.archive import Archive
from featherline.tasks.networks.foreign.build import build_model
from featherline.tasks.networks.foreign.ends import to_logits
from featherline.tasks.networks.foreign.fetch import fetched
from featherline.tasks.networks.foreign.sizes import open_layers
from featherline.tasks.networks.framework import KerasModel


def read_model(source: str, input_shape: InputShape, answers: int) -> KerasModel:
    """Read a model file; a softmax at its end is taken off, and said so.

    Args:
        source: A `.keras` or `.h5` file or SavedModel folder: a path of this machine, or `s3://bucket/key`.
        input_shape: (height, width, channels) of the data.
        answers: How many numbers an answer is.

    Raises:
        Refused: The data have several inputs; there is no such file, it is cut off, it holds code or layers that are
            not Keras' own, or its model takes or gives other shapes than the data needs.
    """
    with _opened(source, input_shape) as (archive, name, shape):
        return model_of(archive, name, shape, answers)


def read_backbone(source: str, input_shape: InputShape) -> KerasModel:
    """Read a model file whose own end does not count, since it will be cut off.

    Args:
        source: As `read_model` takes it.
        input_shape: Likewise.

    Raises:
        Refused: As `read_model`, but for what it gives.
    """
    with _opened(source, input_shape) as (archive, name, shape):
        model = _built(archive, name, shape)
        if problems := _other_inputs(model, name, shape):
            raise Refused(*problems)
        _check_sizes(model, name)
        return model


@contextmanager
def _opened(source: str, input_shape: InputShape) -> Iterator[tuple[Archive, str, Shape]]:
    """Give what a file says of its model, its name, and the shape of the data's sole input."""
    if isinstance(input_shape, dict):
        raise refuse(
            f"{source} cannot be read for data of several inputs",
            expected="a sole input, of which a model file is read",
            got=", ".join(input_shape),
            fix="build the network: give model.builder in place of model.file",
        )
    with fetched(source) as path, tempfile.TemporaryDirectory(prefix="featherline-") as folder:
        yield open_apart(path, Path(folder), input_shape), path.name, input_shape


def model_of(archive: Archive, name: str, input_shape: Shape, answers: int) -> KerasModel:
    """Return the model of a file that was opened. Raises `Refused` as `read_model` does."""
    model = _built(archive, name, input_shape)
    _check_shapes(model, name, input_shape, answers)
    _check_sizes(model, name)
    return to_logits(model, name, answers)


def _built(archive: Archive, name: str, input_shape: Shape) -> KerasModel:
    """Return the model of a file, of one input and one output."""
    if archive.of_keras_3:
        print(f"{visible(name)} was saved by Keras {visible(archive.keras_version)}: rebuilt with tf_keras")
    model = build_model(archive, name, input_shape)
    if not model.built:
        raise _unbuilt(name)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise refuse(
            f"{name} is not one input to one output",
            expected="one input and one output",
            got=f"{len(model.inputs)} inputs and {len(model.outputs)} outputs",
            fix="save the part of the model that classifies",
        )
    return model


def _other_inputs(model: KerasModel, name: str, input_shape: Shape) -> list[Problem]:
    """Return why a model does not take the data; a size that was open is that of the data."""
    takes = tuple(model.inputs[0].shape)[1:]
    if takes == tuple(input_shape):
        return []
    fix = f"take the data that the model was made for, or set {SIZE_KEY} and data.channels"
    if len(takes) == len(input_shape) and takes[-1] == input_shape[-1]:
        fix = f"set {SIZE_KEY}: {list(takes[:-1])}, or take the data that the model was made for"
    return [
        Problem(
            f"{name} does not take these examples",
            f"an input of (height, width, channels) {input_shape}, as the data has",
            f"an input of {takes}",
            fix,
        )
    ]


def _check_shapes(model: KerasModel, name: str, input_shape: Shape, answers: int) -> None:
    """Refuse shapes other than those of the data, all at once."""
    problems = _other_inputs(model, name, input_shape)
    gives = tuple(model.outputs[0].shape)
    if gives[1:] != (answers,) and not (answers == 2 and gives[1:] == (1,)):  # noqa: PLR2004 - one number for two
        problems.append(
            Problem(
                f"{name} does not give these answers",
                f"an output of {answers}, as the data has",
                f"an output of {gives[-1] if len(gives) == 2 else gives[1:]}",  # noqa: PLR2004 - (n, answers)
                f"take the data that the model was made for, or correct {VOCABULARY_KEY}"
                if len(gives) == 2  # noqa: PLR2004
                else f"end the model in (n, {answers}): add a Flatten or GlobalAveragePooling2D layer, save it anew",
            )
        )
    if problems:
        raise Refused(*problems)


def _check_sizes(model: KerasModel, name: str) -> None:
    """Refuse a model that leaves sizes open within, though its input has all of them."""
    if found := list(dict.fromkeys(open_layers(model))):
        raise refuse(
            f"{name} leaves sizes open within",
            expected="layers whose every size follows from that of the input",
            got=examples(found),
            fix="give the Input of each nested model its height and width, and call it at one size alone",
        )


def _unbuilt(name: str) -> Refused:
    return refuse(
        f"{name} leaves its input open",
        expected="a model that names the shape of its input",
        got="a sequential model without an input layer that was never called",
        fix="begin it with an Input layer and save it anew",
    )
