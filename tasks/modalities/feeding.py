"""What a model is fed: each input of a data set by the preprocessing of that model, whatever its modality.

examples by input, as they are stored ──► [prepared] ◄── Model.preprocessing, by input ──► float32, by input
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.modalities.parameters import PreprocessingChoice
from featherline.tasks.contracts.model import Model
from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.modalities.opening import open_modality

Feeding = dict[str, Preprocessing]
"""The preprocessing of one model, by input."""


def prepared(examples: Mapping[str, NDArray[Any]], feeding: Mapping[str, Preprocessing]) -> dict[str, NDArray[Any]]:
    """Return the inputs as a model takes them."""
    return {name: open_modality(how.modality).model_input(examples[name], how) for name, how in feeding.items()}


def own_of(dataset: Dataset) -> Feeding:
    """Return the data set's own: mean and standard deviation of its train split, by channel."""
    return {
        name: Preprocessing(
            modality=spec.modality,
            name="data",
            scale=spec.statistics.scale,
            mean=spec.statistics.mean,
            std=spec.statistics.std,
            resize=spec.resize,
        )
        for name, spec in dataset.inputs.items()
    }


def raw_of(dataset: Dataset) -> Feeding:
    """Return the preprocessing that leaves every value as it is stored."""
    return {name: open_modality(spec.modality).chosen("raw", spec) for name, spec in dataset.inputs.items()}


def preprocessing_of(model: Model, dataset: Dataset) -> Feeding:
    """Return a model's own preprocessing; a model of a version that wrote none had the data set's own."""
    return model.preprocessing or own_of(dataset)


def chosen(choice: PreprocessingChoice, dataset: Dataset) -> Feeding:
    """Return the preprocessing that a recipe gives, for each input of a data set.

    Raises:
        Refused: It does not fit the examples.
    """
    return {name: open_modality(spec.modality).chosen(choice, spec) for name, spec in dataset.inputs.items()}


def with_why(feeding: Feeding, why: str) -> Feeding:
    """Return the same, with where it comes from."""
    return {name: how.model_copy(update={"why": why}) for name, how in feeding.items()}


def background(feeding: Mapping[str, Preprocessing], dataset: Dataset) -> dict[str, NDArray[np.float32]]:
    """Return what the mean of the data became, (channels,) by input; absent where that is 0."""
    found = {name: open_modality(how.modality).background(how, dataset.inputs[name]) for name, how in feeding.items()}
    return {name: values for name, values in found.items() if values is not None}


def in_words(feeding: Mapping[str, Preprocessing]) -> str:
    """Return how a model is fed, in words, with where it comes from."""
    said = {name: open_modality(how.modality).in_words(how) for name, how in feeding.items()}
    words = {name: f"{text}{f'; {feeding[name].why}' if feeding[name].why else ''}" for name, text in said.items()}
    return (
        next(iter(words.values())) if len(words) == 1 else "; ".join(f"{name} {text}" for name, text in words.items())
    )
