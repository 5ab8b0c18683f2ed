"""From a data set in the store to the parts of it that a model is fitted to and measured on.

A split that is small enough is kept in memory, as bytes as it is stored; a larger one is read as it is needed. What is
learnt does not depend on which.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.dataset import Dataset, InputShape, SplitName, sole
from featherline.tasks.contracts.fit import Fit
from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.data.dataset import split_digest, stratified
from featherline.tasks.modalities.feeding import own_of
from featherline.tasks.modalities.reading import open_split
from featherline.tasks.modalities.views import InputViews
from featherline.tasks.problems.opening import open_problem
from featherline.tasks.problems.protocol import Problem
from featherline.tasks.store.artifacts import Store
from featherline.tasks.training.part import Part

KEPT_BYTES = 256 * 2**20
"""Of a split, as it is stored and decoded: up to so many it is kept in memory."""


@dataclass(frozen=True)
class TrainingData:
    """What a model is fitted to, and what it is measured on after each epoch.

    Attributes:
        train: To learn from.
        validation: To measure on.
        answers: How many numbers the network gives for an example.
        problem: What is learnt.
        outputs: What they are called; empty where nobody says.
        preprocessing: What made each input; empty where nobody says.
        views: What makes random views of the examples.
        vocabulary: The names of the answers, where they have names.
        digest: Of the examples and targets of the whole train split; empty where nobody says.
    """

    train: Part
    validation: Part
    answers: int
    outputs: tuple[str, ...] = ()
    problem: Problem = field(default_factory=lambda: open_problem("classification"))
    preprocessing: Mapping[str, Preprocessing] = field(default_factory=dict)
    views: InputViews = field(default_factory=InputViews)
    vocabulary: tuple[str, ...] = ()
    digest: str = ""

    def strata_weights(self, fit: Fit) -> NDArray[np.float32] | None:
        """Return how much the loss of an example of each stratum of train counts; None where all count alike.

        Raises:
            Refused: `fit` names a stratum that is not there.
        """
        counts = np.bincount(self.problem.strata(self.train.targets), minlength=len(self.vocabulary))
        return self.problem.strata_weights(fit, counts, self.vocabulary)

    def close(self) -> None:
        """Close what examples are read from. None can be read any more that is not in memory."""
        for part in (self.train, self.validation):
            part.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def input_shape(self) -> InputShape:
        """Return the shape of the sole input, or those of several by name."""
        return sole({name: values.shape[1:] for name, values in self.train.take(slice(0)).examples.items()})


def load_training_data(
    store: Store,
    dataset: Dataset,
    preprocessing: Mapping[str, Preprocessing] | None = None,
    *,
    train_fraction: float = 1.0,
    seed: int = 0,
) -> TrainingData:
    """Open the train and the validation split. Whoever opens the data closes them, by `with`.

    Args:
        store: Where they lie.
        dataset: Which they are.
        preprocessing: Of the model that is trained, by input; the data set's own where absent.
        train_fraction: Part of the train split to read, stratified; the validation split is always whole.
        seed: Of the choice of that part.

    Raises:
        Refused: Either split has no example.
    """
    preprocessing = preprocessing or own_of(dataset)
    train, validation = (_opened(store, dataset, name, preprocessing) for name in ("train", "validation"))
    problem = open_problem(dataset.problem)
    if train_fraction < 1:
        train = train.take(stratified(problem.strata(train.targets), train_fraction, seed))
    return TrainingData(
        train=train,
        validation=validation,
        answers=problem.answers(dataset.vocabulary),
        outputs=tuple(problem.outputs(dataset.vocabulary)),
        problem=problem,
        preprocessing=preprocessing,
        vocabulary=dataset.vocabulary,
        views=InputViews.of(dataset, preprocessing),
        digest=split_digest(dataset, "train"),
    )


def _opened(store: Store, dataset: Dataset, name: SplitName, preprocessing: Mapping[str, Preprocessing]) -> Part:
    count = dataset.splits[name].count
    if count == 0:
        raise refuse(
            f"training cannot use the data set {dataset.name}",
            expected=f"examples in its {name} split",
            got="0 examples",
            fix="give the source more examples, or correct the fractions of the section data",
        )
    with ExitStack() as until_kept:
        reader = until_kept.enter_context(open_split(store, dataset, name))
        if count * stored_bytes(dataset) <= KEPT_BYTES:
            return Part(reader.take(np.arange(count)), reader.targets, preprocessing)
        until_kept.pop_all()
    return Part(reader, reader.targets, preprocessing)


def stored_bytes(dataset: Dataset) -> int:
    """Return the bytes of one example as it is stored and decoded."""
    return sum(math.prod(spec.shape) * np.dtype(spec.dtype).itemsize for spec in dataset.inputs.values())
