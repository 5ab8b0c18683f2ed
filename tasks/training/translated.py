"""A teacher that is fed otherwise than its student, seen from the student's inputs.

    view (of the student) ──► translated ──► teacher ──► logits

Both preprocessings are affine by channel, and so is the way from one to the other. A view of the student's inputs,
moved and mixed, becomes that very view of the teacher's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.networks.framework import KerasModel, Tensor, tf
from featherline.tasks.networks.inputs import Fed


class TranslatedTeacher:
    """A model that takes another's inputs."""

    def __init__(
        self, model: KerasModel, student: Mapping[str, Preprocessing], own: Mapping[str, Preprocessing]
    ) -> None:
        """Take a model, what its callers' inputs were made by, and what its own must be made by."""
        self.model = model
        self.output = model.output
        self._ways = {name: Way.between(student[name], how) for name, how in own.items()}

    def __call__(self, inputs: Fed, *, training: bool = False) -> Tensor:
        """Return what the model gives for inputs that the student takes."""
        return self.model(self.translated(inputs), training=training)

    def translated(self, inputs: Fed) -> Fed:
        """Return the student's inputs as the model takes them."""
        if isinstance(inputs, Mapping):
            return {name: way(inputs[name]) for name, way in self._ways.items()}
        return next(iter(self._ways.values()))(inputs)

    def said(self) -> list[Any]:
        """Return the way from the student's inputs to the model's, by input, as JSON."""
        return [[name, way.turned, way.factor.tolist(), way.offset.tolist()] for name, way in self._ways.items()]

    def of(self, model: KerasModel) -> TranslatedTeacher:
        """Return another model, such as one of the same layers with more outputs, fed in the same way."""
        other = object.__new__(TranslatedTeacher)
        other.__dict__.update(self.__dict__, model=model, output=model.output)
        return other


class Way(NamedTuple):
    """From one preprocessing of an input to another one."""

    turned: bool
    factor: NDArray[np.float32]
    offset: NDArray[np.float32]

    @classmethod
    def between(cls, given: Preprocessing, own: Preprocessing) -> Way:
        """Return the way from `given` to `own`."""
        return cls(given.channel_order != own.channel_order, *factor_and_offset(given, own))

    def __call__(self, values: Tensor) -> Tensor:
        """Return values of the one as values of the other."""
        ordered = tf.reverse(values, [-1]) if self.turned else values
        return ordered * self.factor + self.offset


def as_the_student_sees(
    model: KerasModel, own: Mapping[str, Preprocessing], student: Mapping[str, Preprocessing]
) -> KerasModel:
    """Return what takes the student's inputs and gives the model's logits: the model itself where fed alike."""
    alike = all(how.numbers() == student[name].numbers() for name, how in own.items())
    return model if alike else TranslatedTeacher(model, student, own)


def factor_and_offset(given: Preprocessing, own: Preprocessing) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return f and o, (channels,) in the order of `own`, with `own input = f * given input + o`."""
    turn = slice(None, None, -1) if given.channel_order != own.channel_order else slice(None)
    mean, std = (np.asarray(numbers, np.float64)[turn] for numbers in (given.mean, given.std))
    ratio, spread = given.scale / own.scale, np.asarray(own.std, np.float64)
    return (std * ratio / spread).astype(np.float32), ((mean * ratio - np.asarray(own.mean)) / spread).astype(
        np.float32
    )
