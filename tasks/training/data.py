"""From a data set in the store to the arrays that a model is fitted to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from featherline.tasks.contracts.dataset import Dataset, InputShape, sole
from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.data.dataset import Examples, Targets, read_split, stratified, taken
from featherline.tasks.modalities.feeding import background, own_of, prepared
from featherline.tasks.modalities.views import InputViews
from featherline.tasks.problems.opening import open_problem
from featherline.tasks.problems.protocol import Problem
from featherline.tasks.store.artifacts import Store


@dataclass(frozen=True)
class Part:
    """Examples as one model takes them, with their targets.

    Attributes:
        examples: The inputs by name, each (n, …) float32.
        targets: (n, …).
    """

    examples: Examples
    targets: Targets

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, chosen: Any) -> Part:  # noqa: ANN401 - what NumPy takes as an index
        """Return some of the examples."""
        return Part(taken(self.examples, chosen), self.targets[chosen])

    @property
    def inputs(self) -> Any:  # noqa: ANN401 - an array or a dict of them
        """Return what a network is fed: the array of a sole input, or those of several by name."""
        return sole(self.examples)


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
    """

    train: Part
    validation: Part
    answers: int
    outputs: tuple[str, ...] = ()
    problem: Problem = field(default_factory=lambda: open_problem("classification"))
    preprocessing: Mapping[str, Preprocessing] = field(default_factory=dict)
    views: InputViews = field(default_factory=InputViews)

    @property
    def input_shape(self) -> InputShape:
        """Return the shape of the sole input, or those of several by name."""
        return sole({name: values.shape[1:] for name, values in self.train.examples.items()})


def load_training_data(
    store: Store,
    dataset: Dataset,
    preprocessing: Mapping[str, Preprocessing] | None = None,
    *,
    train_fraction: float = 1.0,
    seed: int = 0,
) -> TrainingData:
    """Read the train and the validation split.

    Args:
        store: Where they lie.
        dataset: Which they are.
        preprocessing: Of the model that is trained, by input; the data set's own where absent.
        train_fraction: Part of the train split to read, stratified; the validation split is always whole.
        seed: Of the choice of that part.

    Raises:
        Refused: Either split has no example.
    """
    train, validation = (Part(*read_split(store, dataset, name)) for name in ("train", "validation"))
    for name, part in (("train", train), ("validation", validation)):
        if len(part) == 0:
            raise refuse(
                f"training cannot use the data set {dataset.name}",
                expected=f"examples in its {name} split",
                got="0 examples",
                fix="give the source more examples, or correct the fractions of the section data",
            )
    preprocessing = preprocessing or own_of(dataset)
    problem = open_problem(dataset.problem)
    train = train.take(stratified(problem.strata(train.targets), train_fraction, seed))
    return TrainingData(
        train=Part(prepared(train.examples, preprocessing), train.targets),
        validation=Part(prepared(validation.examples, preprocessing), validation.targets),
        answers=problem.answers(dataset.vocabulary),
        outputs=tuple(problem.outputs(dataset.vocabulary)),
        problem=problem,
        preprocessing=preprocessing,
        views=InputViews(
            {name: spec.modality for name, spec in dataset.inputs.items()}, background(preprocessing, dataset)
        ),
    )
