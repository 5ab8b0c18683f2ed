"""A teacher that is fed otherwise than its student, seen from the student's inputs.

    view (of the student) ──► translated ──► teacher ──► logits

Both preprocessings are affine by channel, and so is the way from one to the other. A view of the student's images,
moved and mixed, becomes that very view of the teacher's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.networks.framework import KerasModel, Tensor, tf


class TranslatedTeacher:
    """A model that takes another's inputs."""

    def __init__(self, model: KerasModel, student: Preprocessing, own: Preprocessing) -> None:
        """Take a model, what its callers' inputs were made by, and what its own must be made by."""
        self.model = model
        self.output_shape = model.output_shape
        self._turned = student.channel_order != own.channel_order
        self._factor, self._offset = factor_and_offset(student, own)

    def __call__(self, images: Tensor, *, training: bool = False) -> Any:  # noqa: ANN401 - tensors
        """Return what the model gives for images that the student takes."""
        return self.model(self.translated(images), training=training)

    def translated(self, images: Tensor) -> Tensor:
        """Return the student's images as the model takes them."""
        ordered = tf.reverse(images, [-1]) if self._turned else images
        return ordered * self._factor + self._offset

    def of(self, model: KerasModel) -> TranslatedTeacher:
        """Return another model, such as one of the same layers with more outputs, fed in the same way."""
        other = object.__new__(TranslatedTeacher)
        other.__dict__.update(self.__dict__, model=model, output_shape=model.output_shape)
        return other


def as_the_student_sees(model: KerasModel, own: Preprocessing, student: Preprocessing) -> KerasModel:
    """Return what takes the student's inputs and gives the model's logits: the model itself where fed alike."""
    return model if own.numbers() == student.numbers() else TranslatedTeacher(model, student, own)


def factor_and_offset(given: Preprocessing, own: Preprocessing) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return f and o, (channels,) in the order of `own`, with `own input = f * given input + o`."""
    turn = slice(None, None, -1) if given.channel_order != own.channel_order else slice(None)
    mean, std = (np.asarray(numbers, np.float64)[turn] for numbers in (given.mean, given.std))
    ratio, spread = given.scale / own.scale, np.asarray(own.std, np.float64)
    return (std * ratio / spread).astype(np.float32), ((mean * ratio - np.asarray(own.mean)) / spread).astype(
        np.float32
    )
