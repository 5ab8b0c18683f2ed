"""The logits of a teacher for each augmented view of each example, computed once where the augmentations repeat.

    epoch ──► its round ──┬─► new:  view ──► teacher ──► logits, kept
                          └─► seen before ──────────────► the same logits

Views differ from epoch to epoch where they are drawn at random (`InputViews.moves`). With `cached_augmentations` they
repeat after so many epochs, and from then on the teacher costs nothing.

Source: Beyer et al. 2022, section 3, https://arxiv.org/abs/2106.05237 (teacher and student must see the same view)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.fit import DistillationSettings, Fit
from featherline.tasks.modalities.protocol import DRAWS
from featherline.tasks.modalities.views import InputViews
from featherline.tasks.networks.framework import KerasModel, Tensor, tf
from featherline.tasks.training.data import TrainingData
from featherline.tasks.training.measured import outputs_of

Batches = Sequence[NDArray[np.int64]]


def can_be_cached(fit: Fit, distillation: DistillationSettings, views: InputViews) -> bool:
    """Return whether the teacher's logits can be cached: nothing else of it is used, and its views repeat."""
    return not distillation.attention and (distillation.cached_augmentations is not None or not views.moves(fit))


def view_seed(seed: int, number: int) -> NDArray[np.int32]:
    """Return the (2,) seed of the random views of a batch, from which `InputViews.augment` takes its draws."""
    return np.array([seed & 0x7FFFFFFF, DRAWS * number], np.int32)


class LogitsCache:
    """The teacher's logits for the batches of an epoch.

    Kept in memory: 4 bytes times examples, outputs and views.
    """

    def __init__(self, teacher: KerasModel, data: TrainingData, fit: Fit, *, seed: int) -> None:
        """Keep the teacher; no logits are computed yet."""
        self.teacher, self.data, self.fit, self.seed = teacher, data, fit, seed
        self.moving = data.views.moves(fit)
        self.kept: dict[int, list[NDArray[np.float32]]] = {}
        self.still: NDArray[np.float32] | None = None
        fed = tf.nest.map_structure(
            lambda v: tf.TensorSpec((None, *v.shape[1:]), v.dtype), data.views.for_graph(data.train.stored(slice(0)))
        )
        self._logits_of = tf.function(self._logits, input_signature=(fed, tf.TensorSpec((2,), tf.int32)))

    def of(self, round_: int, batches: Batches) -> list[NDArray[np.float32]]:
        """Return the logits of each batch, (n, outputs).

        Args:
            round_: Rounds of equal number have equal batches and views.
            batches: Indices of the examples.
        """
        if not self.moving:
            if self.still is None:
                self.still = outputs_of(self.teacher, self.data.train)
            return [self.still[batch] for batch in batches]
        if round_ not in self.kept:
            first = round_ * len(batches)
            self.kept[round_] = [
                self._logits_of(
                    self.data.views.for_graph(self.data.train.stored(batch)), view_seed(self.seed, first + number)
                ).numpy()
                for number, batch in enumerate(batches)
            ]
        return self.kept[round_]

    def _logits(self, inputs: Tensor, seed: Any) -> Tensor:  # noqa: ANN401
        views = self.data.views
        return self.teacher(views.augment(views.model_inputs(inputs), seed, self.fit).inputs, training=False)
