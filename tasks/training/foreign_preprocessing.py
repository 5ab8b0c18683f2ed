"""The preprocessing of a network that is built, and that of a file, which has to be found.

    file ──► begins with Rescaling or Normalization? ──► raw
                  └ no ──► candidates, measured on the validation split ──► the best, named with the others' figures
                                                       └──► all at chance, or the answers in another order: refused

Source of the usual ones: `keras.applications.imagenet_utils` (modes tf, torch and caffe).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.modalities.parameters import NamedPreprocessing, PreprocessingChoice
from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.contracts.problems.parameters import VOCABULARY_KEY
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.data.dataset import Examples, Targets, in_turn
from featherline.tasks.modalities.feeding import Feeding, chosen, own_of, raw_of, with_why
from featherline.tasks.modalities.model_inputs import ModelInputs, opened_inputs
from featherline.tasks.modalities.opening import open_modality
from featherline.tasks.modalities.opening_views import open_views
from featherline.tasks.networks.framework import KerasModel
from featherline.tasks.networks.predict import predict
from featherline.tasks.problems.opening import open_problem
from featherline.tasks.problems.protocol import Problem
from featherline.tasks.problems.scored import quality_value
from featherline.tasks.store.artifacts import Store

MOST_EXAMPLES = 1000
"""Of the validation split, the strata in turn, that candidates are measured on."""

AS_GOOD = 0.005
"""Candidates this near to the best quality are as good; the least loss decides between them."""

CLEARLY = 0.02
"""What a usual candidate with its channels turned round must be better by, since usually nobody turns them."""


HALF, SURELY_SCRAMBLED = 0.5, 0.9
"""What another order of the vocabulary must make right of the renamed ones: of a file that must be good already, and of
one that is trained further, whose weights may be fresh."""


@dataclass(frozen=True)
class Measured:
    """What a model says under one preprocessing."""

    feeding: Feeding
    outputs: NDArray[np.float32]
    quality: float
    loss: float
    problem: Problem

    def knows(self, targets: NDArray[Any]) -> bool:
        """Return whether the outputs say more of the targets than guesses would."""
        return self.problem.knows(self.outputs, targets)

    @property
    def how(self) -> Preprocessing:
        """Return that of the first input, which stands for all."""
        return next(iter(self.feeding.values()))

    @property
    def name(self) -> str:
        """Return what it is called."""
        return self.how.name

    @property
    def gain(self) -> float:
        """Return the quality so that more is better."""
        return self.problem.quality.reward(self.quality)


def preprocessing_of_built(model: KerasModel, choice: PreprocessingChoice, dataset: Dataset) -> Feeding:
    """Return the preprocessing of a network that is built and will be trained.

    Raises:
        Refused: What the recipe gives does not fit the examples.
    """
    if choice != "auto":
        return chosen(choice, dataset)
    scaling = own_scaling(model, dataset)
    if scaling:
        return with_why(raw_of(dataset), f"the network begins with {scaling}")
    return with_why(own_of(dataset), "the network is trained on it")


def preprocessing_of_file(
    model: KerasModel,
    name: str,
    choice: PreprocessingChoice,
    dataset: Dataset,
    store: Store,
    *,
    as_it_is: bool = True,
    key: str = "model.preprocessing",
) -> Feeding:
    """Return the preprocessing of a model file: the one that is given, or the one that it is found to have.

    Args:
        model: Gives logits.
        name: Of the file, for messages.
        choice: Of the recipe.
        dataset: Its validation split decides.
        store: Holds the examples.
        as_it_is: Whether the file must be good already: it is not trained further, or it is a teacher.
        key: Where the recipe gives it, for messages.

    Raises:
        Refused: What is given does not fit the examples; the model has the vocabulary in another order; or it is
            to be taken as it is, and knows nothing of the answers under any candidate.
    """
    given = None if choice == "auto" else chosen(choice, dataset)
    with opened_inputs(store, dataset, "validation", own_of(dataset)) as whole:
        strata = open_problem(dataset.problem).strata(whole.targets)
        examples = whole.take(np.sort(in_turn(strata, MOST_EXAMPLES)))
        return _found(model, name, given, dataset, examples, as_it_is=as_it_is, key=key)


def _found(
    model: KerasModel,
    name: str,
    given: Feeding | None,
    dataset: Dataset,
    examples: ModelInputs,
    *,
    as_it_is: bool,
    key: str,
) -> Feeding:
    """Return the preprocessing that is given, or the best on these examples."""
    labels = examples.targets
    if len(labels) == 0:
        return given or with_why(own_of(dataset), "there was no example to measure others on")
    scaling = "" if given else own_scaling(model, dataset)
    sure = given or (raw_of(dataset) if scaling else None)
    problem, tried = (
        open_problem(dataset.problem),
        [sure] if sure else candidates_of(dataset, examples.stored_batches()),
    )
    measured = [_measure(model, examples, labels, one, problem) for one in tried]
    best = _best(measured)
    slices, trusted = problem.words.slices, best.knows(labels)
    if sure and not trusted and as_it_is:  # what else it may be is part of what is said
        others = [one for one in candidates_of(dataset, examples.stored_batches()) if _numbers(one) != _numbers(sure)]
        measured += [_measure(model, examples, labels, one, problem) for one in others]
    _refuse_other_order(measured, labels, name, dataset, SURELY_SCRAMBLED if not as_it_is else HALF)
    figures = {one.name: round(one.quality, 6) for one in measured}
    if not trusted and as_it_is:
        _refuse_chance(measured, labels, name, key, sure=sure is not None)
    if given:
        return _updated(given, measured=figures if len(figures) > 1 else {})
    if scaling:
        doubt = "" if trusted else f"; it tells the {slices} apart no better than chance, however it is fed"
        return with_why(best.feeding, f"the file begins with {scaling}{doubt}")
    if not trusted:
        why = f"the file knows nothing of these {len(dataset.vocabulary)} {slices} yet, and is trained on it"
        return _updated(own_of(dataset), why=why, measured=figures)
    why = f"the best of what was measured on {len(labels):,} validation examples: {_said(measured)}"
    return _updated(best.feeding, why=why, measured=figures)


def own_scaling(model: KerasModel, dataset: Dataset) -> str:
    """Return the layers with which a model scales its sole input by itself, nothing where it does not."""
    if len(dataset.inputs) > 1 or not getattr(model, "outputs", None):
        return ""
    views = open_views(next(iter(dataset.inputs.values())).modality)
    return views.own_scaling(model) if views else ""


def candidates_of(dataset: Dataset, batches: Iterable[Examples]) -> list[Feeding]:
    """Return what a sole input's modality has; of several inputs nobody knows which of them is fed wrongly."""
    if len(dataset.inputs) > 1:
        return [own_of(dataset)]
    ((name, spec),) = dataset.inputs.items()
    modality = open_modality(spec.modality)
    # Some examples may leave candidates out that others need: of all batches, those of the one with the most.
    found = max((modality.candidates(spec, batch[name]) for batch in batches), key=len)
    return [{name: one} for one in found]


def _updated(feeding: Feeding, **changes: Any) -> Feeding:  # noqa: ANN401 - fields of `Preprocessing`
    return {name: how.model_copy(update=changes) for name, how in feeding.items()}


def _numbers(feeding: Feeding) -> list[Any]:
    return [how.numbers() for how in feeding.values()]


def _measure(model: KerasModel, examples: ModelInputs, labels: Targets, feeding: Feeding, problem: Problem) -> Measured:
    outputs = predict(model, examples.fed_by(feeding))
    return Measured(
        feeding, outputs, quality_value(problem, outputs, labels), problem.mean_loss(outputs, labels), problem
    )


def _best(measured: list[Measured]) -> Measured:
    """Return the best candidate; of those as good as it that of the least loss, of equal ones the first."""
    usual = [one for one in measured if not one.name.endswith("-bgr")]
    best = max(one.gain for one in usual)
    most = max(measured, key=lambda one: one.gain)
    if most.gain > best + CLEARLY:
        usual, best = measured, most.gain
    return min((one for one in usual if one.gain >= best - AS_GOOD), key=lambda one: one.loss)


def _refuse_other_order(measured: list[Measured], labels: Targets, name: str, dataset: Dataset, least: float) -> None:
    problem = open_problem(dataset.problem)
    metric = problem.quality
    orders = [(one, problem.explaining_order(one.outputs, labels, least)) for one in measured]
    hits = [
        (one, order, quality_value(problem, problem.in_order(one.outputs, order), labels))
        for one, order in orders
        if order
    ]
    if not hits:
        return
    one, order, reached = max(hits, key=lambda each: metric.reward(each[2]))
    if metric.reward(reached) <= max(each.gain for each in measured):
        return
    names = json.dumps([dataset.vocabulary[label] for label in order], ensure_ascii=False)
    raise refuse(
        f"{name} has the {problem.words.slices} of {dataset.name} in another order",
        expected=f"the order of the data: {', '.join(dataset.vocabulary)}",
        got=f"validation {metric.told(one.quality)} in that order, {metric.text(reached)} in another one "
        f"(preprocessing {one.name}, {len(labels):,} examples)",
        fix=f"set {VOCABULARY_KEY}: {names}",
    )


def _refuse_chance(measured: list[Measured], labels: Targets, name: str, key: str, *, sure: bool) -> None:
    """Refuse a file that is at chance as it would be fed.

    Where that is sure, and nothing else is better, the model is bad and not its preprocessing, which is for the gate of
    the float baseline to judge.
    """
    better = [one for one in measured if one.knows(labels)]
    if sure and not better:
        return
    best = max(better, key=lambda one: one.gain) if better else None
    slices = measured[0].problem.words.slices
    if best is None:
        fix = f"give {key} as scale, mean, std and channel_order, or a file that was trained for these {slices}"
    elif best.name in get_args(NamedPreprocessing):
        fix = f"set {key}: {best.name}"
    else:
        numbers = best.how.model_dump(mode="json", include={"scale", "mean", "std", "channel_order"})
        fix = f"set {key}: {json.dumps(numbers)}"
    raise refuse(
        f"{name} tells the {slices} apart no better than chance",
        expected=f"a model file that was trained for these {slices}, fed as it was in its training",
        got=f"validation {measured[0].problem.quality.name} of {len(labels):,} examples: {_said(measured)}",
        fix=fix,
    )


def _said(measured: list[Measured]) -> str:
    return ", ".join(f"{one.name} {one.problem.quality.text(one.quality)}" for one in measured)
