"""The preprocessing of a network that is built, and that of a file, which has to be found.

    file ──► begins with Rescaling or Normalization? ──► raw
                  └ no ──► candidates, measured on the validation split ──► the best, named with the others' figures
                                                       └──► all at chance, or the classes in another order: refused

Source of the usual ones: `keras.applications.imagenet_utils` (modes tf, torch and caffe).
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.preprocessing import Preprocessing, PreprocessingChoice
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.words import percent
from featherline.tasks.data.dataset import Images, Labels, in_turn, read_split
from featherline.tasks.modalities.image.preprocessing import COLOURS, NAMED, OF_COLOURS, chosen, model_inputs, named
from featherline.tasks.networks.foreign.beginnings import takes_bytes
from featherline.tasks.networks.framework import KerasModel
from featherline.tasks.problems.classification.class_order import at_chance, explaining_order
from featherline.tasks.problems.classification.network_metrics import accuracy, mean_cross_entropy, predict_logits
from featherline.tasks.store.artifacts import Store

MOST_IMAGES = 1000
"""Of the validation split, the classes in turn, that candidates are measured on."""

AS_GOOD = 0.005
"""Candidates this near to the best accuracy are as good; the least cross entropy decides between them."""

CLEARLY = 0.02
"""What a usual candidate with its channels turned round must be better by, since usually nobody turns them."""


HALF, SURELY_SCRAMBLED = 0.5, 0.9
"""What another order of the classes must make right of the renamed ones: of a file that must be good already, and of
one that is trained further, whose weights may be fresh."""


@dataclass(frozen=True)
class Measured:
    """What a model says under one preprocessing."""

    preprocessing: Preprocessing
    logits: NDArray[np.float32]
    accuracy: float
    loss: float

    @property
    def predicted(self) -> NDArray[np.int64]:
        """Return the class of each image."""
        found: NDArray[np.int64] = self.logits.argmax(axis=1)
        return found


def preprocessing_of_built(model: KerasModel, choice: PreprocessingChoice, dataset: Dataset) -> Preprocessing:
    """Return the preprocessing of a network that is built and will be trained.

    Raises:
        Refused: What the recipe gives does not fit the images.
    """
    if choice != "auto":
        return chosen(choice, dataset)
    scaling = takes_bytes(model) if getattr(model, "outputs", None) else ""
    if scaling:
        return named("raw", dataset).model_copy(update={"why": f"the network begins with {scaling}"})
    return named("data", dataset).model_copy(update={"why": "the network is trained on it"})


def preprocessing_of_file(
    model: KerasModel,
    name: str,
    choice: PreprocessingChoice,
    dataset: Dataset,
    store: Store,
    *,
    as_it_is: bool = True,
    key: str = "model.preprocessing",
) -> Preprocessing:
    """Return the preprocessing of a model file: the one that is given, or the one that it is found to have.

    Args:
        model: Gives logits.
        name: Of the file, for messages.
        choice: Of the recipe.
        dataset: Its validation split decides.
        store: Holds the images.
        as_it_is: Whether the file must be good already: it is not trained further, or it is a teacher.
        key: Where the recipe gives it, for messages.

    Raises:
        Refused: What is given does not fit the images; the model has the classes in another order; or it is to be taken
            as it is, and tells the classes apart under no candidate.
    """
    given = None if choice == "auto" else chosen(choice, dataset)
    images, labels = _validation(store, dataset)
    if len(labels) == 0:
        return given or named("data", dataset).model_copy(update={"why": "there was no image to measure others on"})
    scaling = "" if given else takes_bytes(model)
    sure = given or (named("raw", dataset) if scaling else None)
    measured = [_measure(model, images, labels, one) for one in ([sure] if sure else _candidates(dataset, images))]
    best = _best(measured)
    classes, trusted = len(dataset.classes), not at_chance(best.predicted, labels, len(dataset.classes))
    if sure and not trusted and as_it_is:  # what else it may be is part of what is said
        others = [one for one in _candidates(dataset, images) if one.numbers() != sure.numbers()]
        measured += [_measure(model, images, labels, one) for one in others]
    _refuse_other_order(measured, labels, name, dataset, SURELY_SCRAMBLED if not as_it_is else HALF)
    figures = {one.preprocessing.name: round(one.accuracy, 6) for one in measured}
    if not trusted and as_it_is:
        _refuse_chance(measured, labels, name, key, sure=sure is not None)
    if given:
        return given.model_copy(update={"measured": figures if len(figures) > 1 else {}})
    if scaling:
        doubt = "" if trusted else "; it tells the classes apart no better than chance, however it is fed"
        return best.preprocessing.model_copy(update={"why": f"the file begins with {scaling}{doubt}"})
    if not trusted:
        why = f"the file knows nothing of these {classes} classes yet, and is trained on it"
        return named("data", dataset).model_copy(update={"why": why, "measured": figures})
    return best.preprocessing.model_copy(
        update={"why": f"the best of what was measured on {len(labels):,} validation images: {_said(measured)}"}
        | {"measured": figures}
    )


def _validation(store: Store, dataset: Dataset) -> tuple[Images, Labels]:
    images, labels = read_split(store, dataset, "validation")
    some = np.sort(in_turn(labels, MOST_IMAGES))
    return images[some], labels[some]


def _candidates(dataset: Dataset, images: Images) -> list[Preprocessing]:
    """Return the ones with a name, then, where the images have colours, these with their channels turned round."""
    coloured = dataset.image_shape[2] == COLOURS
    usual = [named(name, dataset) for name in NAMED if coloured or name not in OF_COLOURS]
    if not coloured or np.array_equal(images[..., 0], images[..., 2]):
        return usual
    turned = [one for one in usual if one.channel_order == "rgb"]
    return usual + [_turned(one) for one in turned]


def _turned(one: Preprocessing) -> Preprocessing:
    return one.model_copy(
        update={"name": f"{one.name}-bgr", "mean": one.mean[::-1], "std": one.std[::-1], "channel_order": "bgr"}
    )


def _measure(model: KerasModel, images: Images, labels: Labels, preprocessing: Preprocessing) -> Measured:
    logits = predict_logits(model, model_inputs(images, preprocessing))
    return Measured(preprocessing, logits, accuracy(logits, labels), mean_cross_entropy(logits, labels))


def _best(measured: list[Measured]) -> Measured:
    """Return the most accurate candidate; of those as good as it that of the least loss, of equal ones the first."""
    usual = [one for one in measured if not one.preprocessing.name.endswith("-bgr")]
    best = max(one.accuracy for one in usual)
    most = max(measured, key=lambda one: one.accuracy)
    if most.accuracy > best + CLEARLY:
        usual, best = measured, most.accuracy
    return min((one for one in usual if one.accuracy >= best - AS_GOOD), key=lambda one: one.loss)


def _refuse_other_order(measured: list[Measured], labels: Labels, name: str, dataset: Dataset, least: float) -> None:
    classes = len(dataset.classes)
    orders = [(one, explaining_order(one.predicted, labels, classes, least)) for one in measured]
    hits = [(one, order, float(np.mean(np.asarray(order)[one.predicted] == labels))) for one, order in orders if order]
    if not hits:
        return
    one, order, reached = max(hits, key=lambda each: each[2])
    if reached <= max(each.accuracy for each in measured):
        return
    names = json.dumps([dataset.classes[label] for label in order], ensure_ascii=False)
    raise refuse(
        f"{name} has the classes of {dataset.name} in another order",
        expected=f"the order of the data: {', '.join(dataset.classes)}",
        got=f"validation accuracy {percent(one.accuracy)} in that order, {percent(reached)} in another one "
        f"(preprocessing {one.preprocessing.name}, {len(labels):,} images)",
        fix=f"set data.classes: {names}",
    )


def _refuse_chance(measured: list[Measured], labels: Labels, name: str, key: str, *, sure: bool) -> None:
    """Refuse a file that is at chance as it would be fed.

    Where that is sure, and nothing else is better, the model is bad and not its preprocessing, which is for the gate of
    the float baseline to judge.
    """
    classes = measured[0].logits.shape[1]
    better = [one for one in measured if not at_chance(one.predicted, labels, classes)]
    if sure and not better:
        return
    best = max(better, key=lambda one: one.accuracy).preprocessing if better else None
    if best is None:
        fix = f"give {key} as scale, mean, std and channel_order, or a file that was trained for these classes"
    elif best.name in NAMED:
        fix = f"set {key}: {best.name}"
    else:
        numbers = best.model_dump(mode="json", include={"scale", "mean", "std", "channel_order"})
        fix = f"set {key}: {json.dumps(numbers)}"
    raise refuse(
        f"{name} tells the classes apart no better than chance",
        expected="a model file that was trained for these classes, fed as it was in its training",
        got=f"validation accuracy of {len(labels):,} images: {_said(measured)}",
        fix=fix,
    )


def _said(measured: list[Measured]) -> str:
    return ", ".join(f"{one.preprocessing.name} {percent(one.accuracy)}" for one in measured)
