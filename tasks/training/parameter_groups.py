"""Variables that learn together at a part of the learning rate, each group with an optimizer of its own.

One optimizer cannot: Adam divides a gradient by its own size, so that a scaled gradient would be the same step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.networks.framework import Tensor


class ParameterGroup(NamedTuple):
    """Some variables of a model.

    Attributes:
        variables: At least one.
        rate: Factor of the learning rate.
    """

    variables: Sequence[Tensor]
    rate: float = 1.0


class GroupedOptimizer:
    """Keras' optimizers of several groups, as one."""

    def __init__(self, groups: Sequence[ParameterGroup], make: Callable[[], Any]) -> None:
        """Make an optimizer for each group."""
        self.groups = groups
        self._optimizers = [make() for _ in groups]

    @property
    def variables(self) -> list[Tensor]:
        """Return what learns, group by group."""
        return [variable for group in self.groups for variable in group.variables]

    @property
    def of_keras(self) -> Any:  # noqa: ANN401 - tf_keras has no types
        """Return the optimizer of the first group, which callbacks of tf_keras count steps by."""
        return self._optimizers[0]

    def apply(self, gradients: Iterable[Tensor], rate: Tensor) -> None:
        """Take a step.

        Args:
            gradients: Of `variables`, in their order.
            rate: The learning rate of a group whose factor is 1.
        """
        left = iter(gradients)
        for group, optimizer in zip(self.groups, self._optimizers, strict=True):
            optimizer.learning_rate.assign(rate * group.rate if group.rate != 1 else rate)
            optimizer.apply_gradients([(next(left), variable) for variable in group.variables])

    def create(self) -> None:
        """Make the state of every optimizer, which else the first step makes."""
        for group, optimizer in zip(self.groups, self._optimizers, strict=True):
            optimizer._create_all_weights(list(group.variables))  # noqa: SLF001 - a state that is read needs its variables

    def get_weights(self) -> list[NDArray[Any]]:
        """Return the state of all, one after the other."""
        return [np.asarray(part) for optimizer in self._optimizers for part in optimizer.get_weights()]

    def set_weights(self, state: Sequence[NDArray[Any]]) -> None:
        """Put a state back that `get_weights` gave."""
        left = iter(state)
        for optimizer in self._optimizers:
            optimizer.set_weights([next(left) for _ in optimizer.get_weights()])
