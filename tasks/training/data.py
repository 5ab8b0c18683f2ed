"""From a data set in the store to the arrays that a model is fitted to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.data.dataset import read_split, stratified
from featherline.tasks.modalities.image.preprocessing import background, model_inputs, own_of
from featherline.tasks.store.artifacts import Store


@dataclass(frozen=True)
class TrainingData:
    """Images as one model takes them, and their labels.

    Attributes:
        train_images: (n, height, width, channels).
        train_labels: (n,), 0 to classes - 1.
        validation_images: (m, height, width, channels).
        validation_labels: (m,).
        classes: How many there are.
        preprocessing: What made the images; None where nobody says.
        background: What the mean pixel of the data became, (channels,); None where that is 0.
    """

    train_images: NDArray[np.float32]
    train_labels: NDArray[np.int64]
    validation_images: NDArray[np.float32]
    validation_labels: NDArray[np.int64]
    classes: int
    preprocessing: Preprocessing | None = None
    background: NDArray[np.float32] | None = None

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Return (height, width, channels)."""
        height, width, channels = self.train_images.shape[1:]
        return height, width, channels


def load_training_data(
    store: Store,
    dataset: Dataset,
    preprocessing: Preprocessing | None = None,
    *,
    train_fraction: float = 1.0,
    seed: int = 0,
) -> TrainingData:
    """Read the train and the validation split.

    Args:
        store: Where they lie.
        dataset: Which they are.
        preprocessing: Of the model that is trained; the data set's own where absent.
        train_fraction: Part of the train split to read, stratified; the validation split is always whole.
        seed: Of the choice of that part.

    Raises:
        Refused: Either split has no image.
    """
    images, labels = read_split(store, dataset, "train")
    validation_images, validation_labels = read_split(store, dataset, "validation")
    for name, count in (("train", len(labels)), ("validation", len(validation_labels))):
        if count == 0:
            raise refuse(
                f"training cannot use the data set {dataset.name}",
                expected=f"images in its {name} split",
                got="0 images",
                fix="give the source more images, or correct the fractions of the section data",
            )
    preprocessing = preprocessing or own_of(dataset)
    chosen = stratified(labels, train_fraction, seed)
    return TrainingData(
        train_images=model_inputs(images[chosen], preprocessing),
        train_labels=labels[chosen],
        validation_images=model_inputs(validation_images, preprocessing),
        validation_labels=validation_labels,
        classes=len(dataset.classes),
        preprocessing=preprocessing,
        background=background(preprocessing, dataset),
    )
