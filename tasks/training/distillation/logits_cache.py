"""The logits of a teacher for each augmented view of each example, computed once where the augmentations repeat.

    epoch ──► its round ──► a table on disk ──┬─► in the store already, of this or another student: read
                                              └─► new: view ──► teacher ──► logits, also into the store

Views differ from epoch to epoch where they are drawn at random (`InputViews.moves`). With `cached_augmentations` they
repeat after so many epochs, and from then on the teacher costs nothing.

Source: Beyer et al. 2022, section 3, https://arxiv.org/abs/2106.05237 (teacher and student must see the same view)
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.base import canonical_json, digest
from featherline.tasks.contracts.fit import DistillationSettings, Fit
from featherline.tasks.contracts.modalities.parameters import Augmentation
from featherline.tasks.modalities.protocol import DRAWS
from featherline.tasks.modalities.views import InputViews
from featherline.tasks.networks.framework import KerasModel, Tensor, tf
from featherline.tasks.networks.predict import predict
from featherline.tasks.running.code_closure import code_of, libraries_of
from featherline.tasks.store.artifacts import Store
from featherline.tasks.training.data import TrainingData
from featherline.tasks.training.distillation.logits_table import LogitsTable, Unit, units_digest
from featherline.tasks.training.translated import TranslatedTeacher

Batches = Sequence[NDArray[np.int64]]

MODULE = "featherline.tasks.training.distillation.logits_cache"
STILL = np.zeros(2, np.int32)
"""The seed of views that do not move."""
UNTOLD = {"name", "why", "measured"}
"""What a preprocessing says of itself beside what it does."""


def can_be_cached(fit: Fit, distillation: DistillationSettings, views: InputViews) -> bool:
    """Return whether the teacher's logits can be cached: nothing else of it is used, and its views repeat."""
    return not distillation.attention and (distillation.cached_augmentations is not None or not views.moves(fit))


def view_seed(seed: int, number: int) -> NDArray[np.int32]:
    """Return the (2,) seed of the random views of a batch, from which `InputViews.augment` takes its draws."""
    return np.array([seed & 0x7FFFFFFF, DRAWS * number], np.int32)


class LogitsCache:
    """The teacher's logits for the batches of an epoch, on disk, and shared with all who have the same teacher."""

    def __init__(
        self, teacher: KerasModel, data: TrainingData, fit: Fit, *, seed: int, store: Store | None = None
    ) -> None:
        """Keep the teacher; no logits are computed yet.

        Args:
            teacher: Takes what the student takes.
            data: What is learnt from.
            fit: How often and how the examples are seen.
            seed: Of the views.
            store: Keeps the logits for others; where the data are of no data set nobody else can want them.
        """
        self.teacher, self.data, self.fit, self.seed = teacher, data, fit, seed
        self.moving = data.views.moves(fit)
        self.computed = 0
        self._store = store if data.digest else None
        self._key = logits_key(teacher, data, fit) if self._store is not None else ""
        self._tables: dict[int, LogitsTable] = {}
        fed = tf.nest.map_structure(
            lambda v: tf.TensorSpec((None, *v.shape[1:]), v.dtype), data.views.for_graph(data.train.stored(slice(0)))
        )
        self._logits_of = tf.function(self._logits, input_signature=(fed, tf.TensorSpec((2,), tf.int32)))

    def of(self, round_: int, batches: Batches) -> Callable[[slice], NDArray[np.float32]]:
        """Return what gives the logits of a slice of the batches, one batch after the other, (n, outputs).

        Args:
            round_: Rounds of equal number have equal batches and views.
            batches: Indices of the examples.
        """
        if not self.moving:
            spans = self.data.train.spans()
            still = self._table(0, [Unit(np.arange(len(self.data.train))[span], STILL) for span in spans], self._still)
            return lambda span: still.taken(np.concatenate(batches[span]))
        first = round_ * len(batches)
        units = [Unit(batch, view_seed(self.seed, first + number)) for number, batch in enumerate(batches)]
        moved = self._table(round_, units, self._moved)
        starts = np.cumsum([0, *map(len, batches)])
        return lambda span: moved.rows(int(starts[span.start]), int(starts[span.stop]))

    def _table(self, round_: int, units: list[Unit], ask: Callable[[Unit], NDArray[np.float32]]) -> LogitsTable:
        if round_ in self._tables:
            return self._tables[round_]
        if self._store is not None:  # which has the others
            self._tables.clear()
        key = f"{self._key}/{units_digest([Unit(self.data.train.at(each.examples), each.seed) for each in units])}"
        table = self._tables[round_] = LogitsTable(units, ask, self.data.answers, self._store, key)
        self.computed += table.computed
        found = sum(len(unit.examples) for unit in units) - table.computed
        if found:
            print(f"teacher: logits of {found:,} examples are in the store, of {table.computed:,} it was asked")
        return table

    def _still(self, unit: Unit) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = predict(self.teacher, self.data.train.take(unit.examples).inputs)
        return logits

    def _moved(self, unit: Unit) -> NDArray[np.float32]:
        stored = self.data.views.for_graph(self.data.train.stored(unit.examples))
        logits: NDArray[np.float32] = self._logits_of(stored, unit.seed).numpy()
        return logits

    def _logits(self, inputs: Tensor, seed: Any) -> Tensor:  # noqa: ANN401
        views = self.data.views
        return self.teacher(views.augment(views.model_inputs(inputs), seed, self.fit).inputs, training=False)


def logits_key(teacher: KerasModel, data: TrainingData, fit: Fit) -> str:
    """Return the key of all that decides what a teacher says about examples, but for which of them and their seed.

    Code and libraries count as in the key of a step: views that are computed otherwise are other views.
    """
    translated = isinstance(teacher, TranslatedTeacher)
    network = teacher.model if translated else teacher
    weights = hashlib.sha256()
    for array in network.get_weights():
        weights.update(np.ascontiguousarray(array).tobytes())
    moving = data.views.moves(fit)
    said = {
        "code": code_of(MODULE),
        "libraries": libraries_of(MODULE),
        "machine": platform.machine(),
        "network": uncounted(json.loads(network.to_json())),
        "weights": weights.hexdigest(),
        "fed": teacher.said() if translated else None,
        "data": data.digest,
        "preprocessing": {
            name: how.model_dump(mode="json", exclude=UNTOLD) for name, how in data.preprocessing.items()
        },
        "views": fit.model_dump(mode="json", include=set(Augmentation.model_fields)) if moving else None,
        "background": {name: values.tolist() for name, values in data.views.background.items()},
        "inputs": [dict(data.views.modalities), dict(data.views.dtypes), dict(data.views.largest)],
    }
    return digest(canonical_json(said))


def uncounted(config: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a network's configuration with its layers counted from 0, whatever else was built before it.

    Keras counts the layers of a process: the same builder gives `conv2d` first and `conv2d_1` then.
    """
    names: dict[str, str] = {}
    counts: Counter[str] = Counter()

    def collect(value: Any) -> None:  # noqa: ANN401
        if isinstance(value, dict):
            name = value.get("name")
            if isinstance(name, str) and name not in names:
                base = re.sub(r"_\d+$", "", name)
                names[name] = f"{base}:{counts[base]}"
                counts[base] += 1
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            collect(item)

    def renamed(value: Any) -> Any:  # noqa: ANN401
        if isinstance(value, dict):
            return {key: renamed(item) for key, item in value.items()}
        if isinstance(value, list):
            return [renamed(item) for item in value]
        return names.get(value, value) if isinstance(value, str) else value

    collect(config)
    return renamed(config)
