"""The preprocessing of a file whose own answers do not count, because it gets a new head.

    given in the recipe ──► that
    begins with Rescaling or Normalization ──► raw
    has batch normalisation ──► candidates, measured by how near activations come to its statistics ──► the nearest
    else ──► refused: nothing in the file tells

What a file is fed by is otherwise found by the quality of its answers (`foreign_preprocessing`).
"""

from __future__ import annotations

import numpy as np

from featherline.tasks.contracts.dataset import Dataset, sole
from featherline.tasks.contracts.modalities.parameters import PreprocessingChoice
from featherline.tasks.contracts.refusal import Refused, refuse
from featherline.tasks.data.dataset import Examples, in_turn
from featherline.tasks.modalities.feeding import Feeding, chosen, own_of, prepared, raw_of, with_why
from featherline.tasks.modalities.reading import open_split
from featherline.tasks.networks.framework import KerasModel
from featherline.tasks.networks.transfer.statistics import distance_of_statistics, normalisations
from featherline.tasks.problems.opening import open_problem
from featherline.tasks.store.artifacts import Store
from featherline.tasks.training.foreign_preprocessing import candidates_of, own_scaling

MOST_EXAMPLES = 256
"""Of the validation split, the strata in turn, that candidates are measured on."""

FARTHEST = 5.0
"""Nats from the statistics beyond which no candidate is what the network was trained with. A ResNet of CIFAR-10 that is
fed photographs is at 0.2 under its own preprocessing, at 0.8 with digits, and at 940 and more in another unit."""

CLEARLY = 0.8
"""What turned channels must come nearer by, since usually nobody turns them."""


def preprocessing_of_backbone(
    model: KerasModel, name: str, choice: PreprocessingChoice, dataset: Dataset, store: Store
) -> Feeding:
    """Return what the inputs of a file under a new head are made by.

    Args:
        model: Flat, with the file's weights in front of its head.
        name: Of the file, for messages.
        choice: Of the recipe.
        dataset: Its validation split is what candidates are measured on.
        store: Holds the examples.

    Raises:
        Refused: What is given does not fit the examples; or nothing in the file tells, or nothing that is tried is it.
    """
    if choice != "auto":
        return chosen(choice, dataset)
    if scaling := own_scaling(model, dataset):
        return with_why(raw_of(dataset), f"the file begins with {scaling}")
    if not normalisations(model):
        raise _untold(name, "neither: its own answers, which would tell, go with its head")
    examples = _validation(store, dataset)
    if not len(next(iter(examples.values()))):
        return with_why(own_of(dataset), "there was no example to measure others on")
    measured = [
        (distance_of_statistics(model, sole(prepared(examples, one))), one)
        for one in candidates_of(dataset, [examples])
    ]
    distance, best = _nearest(measured)
    said = ", ".join(f"{_name(one)} {far:.3g}" for far, one in measured)
    if not distance <= FARTHEST:
        raise _untold(name, f"distances in nats, each beyond {FARTHEST:g}: {said}")
    return with_why(best, f"nearest to the statistics of the file's batch normalisation, in nats: {said}")


def _validation(store: Store, dataset: Dataset) -> Examples:
    with open_split(store, dataset, "validation") as reader:
        strata = open_problem(dataset.problem).strata(reader.targets)
        return reader.take(np.sort(in_turn(strata, MOST_EXAMPLES)))


def _nearest(measured: list[tuple[float, Feeding]]) -> tuple[float, Feeding]:
    """Return the nearest candidate, one whose channels are turned only where it is clearly nearer."""
    usual = min((each for each in measured if not _name(each[1]).endswith("-bgr")), key=lambda each: each[0])
    nearest = min(measured, key=lambda each: each[0])
    return nearest if nearest[0] < CLEARLY * usual[0] else usual


def _name(feeding: Feeding) -> str:
    return next(iter(feeding.values())).name


def _untold(name: str, got: str) -> Refused:
    return refuse(
        f"{name} does not say what its inputs are made by",
        expected="a file that begins with Rescaling or Normalization, or whose batch normalisation has statistics near "
        "those under a known preprocessing; or model.preprocessing",
        got=got,
        fix="set model.preprocessing to what the file was trained with",
    )
