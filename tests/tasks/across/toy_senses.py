"""One example of two senses: a picture and a vector, each of a modality of its own, and one number out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.dataset import InputSpec
from featherline.tasks.contracts.modalities.image import PreprocessingChoice
from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.contracts.steps.preprocess import PreprocessParams
from featherline.tasks.data.sources.intake import IntakeLog
from featherline.tasks.data.sources.source import Label, Source, SourceSplit
from featherline.tasks.networks.framework import KerasModel, keras
from tests.tasks.across import toy

COUNT, SIDE = 400, 6


class OneSense:
    """One of the two inputs of the same examples."""

    def __init__(self, name: str, scale: float) -> None:
        """Draw both, and keep one."""
        generator = np.random.default_rng(0)
        light = generator.integers(0, 200, COUNT)
        noise = generator.integers(0, 56, (COUNT, SIDE, SIDE, 1))
        self.hands = generator.normal(size=(COUNT, 3)).astype(np.float32)
        self.grids = (light[:, None, None, None] + noise).astype(np.uint8)
        self.sums = self.hands.sum(axis=1) + self.grids.mean(axis=(1, 2, 3)) / 64
        self.name, self.scales = name, {name: scale}
        self.vocabulary: tuple[str, ...] | None = None
        self.splits: tuple[SourceSplit, ...] = ("all",)
        self.log = IntakeLog(format=name)

    def labels(self, split: SourceSplit) -> Iterator[list[Label]]:  # noqa: ARG002 - there is one
        """Yield the sums, as texts."""
        yield [repr(float(value) - 1.5) for value in self.sums]

    def examples(self, split: SourceSplit, wanted: NDArray[np.bool_]) -> Iterator[tuple[int, dict[str, Any]]]:  # noqa: ARG002
        """Yield this input."""
        values = self.grids if self.name == "grid" else self.hands
        for row in np.flatnonzero(wanted):
            yield int(row), {self.name: values[row]}

    def where(self, split: SourceSplit, row: int) -> str:  # noqa: ARG002
        """Return the row."""
        return f"{self.name}:{row}"


class GridEncoder(toy.VectorEncoder):
    """Bytes are stored as they are."""

    dtype = "uint8"


class HandModality(toy.VectorModality):
    """Vectors of numbers."""

    name = "hand"

    def open(self, params: PreprocessParams) -> Source:  # noqa: ARG002
        """Return the vectors."""
        return OneSense("hand", 1.0)

    def chosen(self, choice: PreprocessingChoice, spec: InputSpec) -> Preprocessing:
        """Return the data set's own."""
        return super().chosen(choice, spec).model_copy(update={"modality": self.name})


class GridModality(HandModality):
    """Bytes (height, width, 1), fed between 0 and 1."""

    name = "grid"
    columns: Mapping[str, str] = {"brightest": "int64"}

    def open(self, params: PreprocessParams) -> Source:  # noqa: ARG002
        """Return the pictures."""
        return OneSense("grid", 255.0)

    def encoder(self, name: str, params: PreprocessParams, log: IntakeLog) -> GridEncoder:  # noqa: ARG002
        """Return what stores them."""
        return GridEncoder()

    def profile(self, examples: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return the brightest place of each."""
        return {"brightest": examples.max(axis=(1, 2, 3)).astype(np.int64)}

    def limits(self, spec: InputSpec) -> dict[str, tuple[float, float]]:
        """Return what a byte may be."""
        return {"brightest": (0.0, spec.statistics.scale)}

    def model_input(self, stored: NDArray[Any], preprocessing: Preprocessing, /) -> NDArray[np.float32]:  # noqa: ARG002
        """Return bytes between 0 and 1."""
        return stored.astype(np.float32) / np.float32(255)

    def in_words(self, preprocessing: Preprocessing, /) -> str:  # noqa: ARG002
        """Return what is done."""
        return "bytes between 0 and 1"


def fusion(input_shape: dict[str, Any], outputs: int, width: int = 16) -> KerasModel:
    """Build a network with a convolution for the picture and a dense branch for the vector, which meet."""
    grid, hand = (keras.Input(input_shape[name], name=name) for name in ("grid", "hand"))
    seen = keras.layers.Conv2D(width, 3, use_bias=False, name="see")(grid)
    seen = keras.layers.ReLU()(keras.layers.BatchNormalization()(seen))
    seen = keras.layers.Dense(width, activation="relu", name="light")(keras.layers.GlobalAveragePooling2D()(seen))
    felt = keras.layers.Dense(width, activation="relu", name="feel")(hand)
    both = keras.layers.Concatenate()([keras.layers.Add()([seen, felt]), felt])
    joined = keras.layers.Dense(width, activation="relu", name="join")(both)
    return keras.Model([grid, hand], keras.layers.Dense(outputs)(joined))
