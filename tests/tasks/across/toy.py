"""A problem of another kind, which no room knows: two vectors in, one number out, their sum. Less error is better."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.dataset import InputSpec, Shape, Unreadable
from featherline.tasks.contracts.fit import Fit
from featherline.tasks.contracts.modalities.parameters import PreprocessingChoice
from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.contracts.quality import QualityMetric, Slice
from featherline.tasks.contracts.refusal import Problem as Reason
from featherline.tasks.contracts.steps.preprocess import PreprocessParams
from featherline.tasks.data.sources.intake import IntakeLog
from featherline.tasks.data.sources.source import Decoded, Decoding, Label, Source, SourceSplit, SourceTargets
from featherline.tasks.networks.framework import KerasModel, Tensor, keras, tf
from featherline.tasks.problems.protocol import Constant, Guess, Outputs, Scores, Targets, Words

COUNT, LENGTH = 400, 4
ERROR = QualityMetric(name="mean error", unit="units", worst=None, best=0.0, higher_is_better=False)


class VectorSource:
    """Pairs of vectors that were drawn, with the sum of all their numbers as label."""

    def __init__(self) -> None:
        """Draw them."""
        generator = np.random.default_rng(0)
        self.scales: Mapping[str, float] = {"left": 1.0, "right": 1.0}
        self.vocabulary: tuple[str, ...] | None = None
        self.splits: tuple[SourceSplit, ...] = ("all",)
        self.log = IntakeLog(format="vectors")
        self.left, self.right = (generator.normal(size=(COUNT, LENGTH)).astype(np.float32) for _ in range(2))

    def labels(self, split: SourceSplit) -> Iterator[list[Label]]:  # noqa: ARG002 - there is one
        """Yield the sums, as texts, as a table has them."""
        yield [repr(float(value)) for value in self.left.sum(axis=1) - 2 * self.right.sum(axis=1)]

    def examples(self, split: SourceSplit, wanted: NDArray[np.bool_]) -> Iterator[tuple[int, dict[str, Any]]]:  # noqa: ARG002
        """Yield both vectors by name, the right one first."""
        for row in np.flatnonzero(wanted):
            yield int(row), {"right": self.right[row], "left": self.left[row]}

    def where(self, split: SourceSplit, row: int) -> str:  # noqa: ARG002
        """Return the row."""
        return f"vectors:{row}"


def as_it_is(raw: NDArray[np.float32], /) -> Decoded:
    """Return a vector as it is."""
    return Decoded(raw, raw.shape)


class VectorEncoder:
    """Vectors are stored as they are."""

    shape: Shape | None = None
    dtype = "float32"
    seen = 0
    sound = True

    def decoding(self) -> Decoding:
        """Return what leaves a vector as it is."""
        return as_it_is

    def packing(self) -> None:
        """Return nothing: vectors are stored as arrays."""

    def accept(self, decoded: Decoded, where: str) -> bool:  # noqa: ARG002
        """Take the vector."""
        self.seen += 1
        self.shape = decoded.shape
        return True

    def look(self, raw: Any, where: str) -> None:
        """Look at nothing."""

    def settle(self) -> list[Reason]:
        """Return that nothing is wrong."""
        return []

    def anew(self) -> VectorEncoder:
        """Return another one."""
        return VectorEncoder()

    def report(self) -> Unreadable:
        """Return that none is corrupt."""
        return Unreadable()

    def problems(self, max_corrupt_fraction: float) -> list[Reason]:  # noqa: ARG002
        """Return that none is."""
        return []

    def check_content(self, std: tuple[float, ...], count: int) -> None:
        """Take all."""


class VectorModality:
    """Vectors of numbers."""

    name = "vector"
    columns: Mapping[str, str] = {"mean": "float64"}

    def open(self, params: PreprocessParams) -> Source:  # noqa: ARG002
        """Return the pairs."""
        return VectorSource()

    def encoder(self, name: str, params: PreprocessParams, log: IntakeLog) -> VectorEncoder:  # noqa: ARG002
        """Return what stores them."""
        return VectorEncoder()

    def resized(self, params: PreprocessParams) -> None:
        """Return nothing: vectors are as long as they are."""

    def profile(self, examples: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return the mean of each."""
        return {"mean": examples.mean(axis=1).astype(np.float64)}

    def decode(self, encoded: Sequence[bytes], spec: InputSpec) -> NDArray[Any]:
        """Decode none: no vector is stored encoded."""
        raise NotImplementedError

    def limits(self, spec: InputSpec) -> dict[str, tuple[float, float]]:  # noqa: ARG002
        """Return what a mean may be."""
        return {"mean": (-10.0, 10.0)}

    def model_input(self, stored: NDArray[Any], preprocessing: Preprocessing, /) -> NDArray[np.float32]:
        """Return vectors of mean 0 and deviation 1, number by number."""
        made: NDArray[np.float32] = (stored - np.float32(preprocessing.mean)) / np.float32(preprocessing.std)
        return made

    def check_choice(self, choice: PreprocessingChoice, shape: Shape) -> None:
        """Take what is given."""

    def chosen(self, choice: PreprocessingChoice, spec: InputSpec) -> Preprocessing:  # noqa: ARG002
        """Return the data set's own."""
        own = spec.statistics
        return Preprocessing(modality="vector", name="data", scale=1.0, mean=own.mean, std=own.std)

    def candidates(self, spec: InputSpec, examples: NDArray[Any]) -> list[Preprocessing]:  # noqa: ARG002
        """Return the data set's own."""
        return [self.chosen("data", spec)]

    def background(self, preprocessing: Preprocessing, spec: InputSpec, /) -> None:
        """Return nothing: vectors have no views."""

    def in_words(self, preprocessing: Preprocessing, /) -> str:
        """Return its name."""
        return preprocessing.name


class Sum:
    """One number; quality is its mean distance from the true one."""

    name = "sum"
    quality = ERROR
    is_mean = True
    words = Words(unit="pair", slice="sign", slices="signs", slice_quality="mean error")
    teacher_floor = 1.0
    slice_floor = 1.0

    def read_targets(self, source: Source, params: PreprocessParams) -> SourceTargets:  # noqa: ARG002
        """Return the labels as numbers, (n, 1)."""
        rows = [float(str(label)) for batch in source.labels("all") for label in batch]
        return SourceTargets((), {"all": np.asarray(rows, np.float32)[:, np.newaxis]})

    def strata(self, targets: Targets) -> NDArray[np.int64]:
        """Return which are positive."""
        return (targets[:, 0] > 0).astype(np.int64)

    def strata_weights(self, fit: Fit, counts: NDArray[np.int64], vocabulary: Sequence[str]) -> None:
        """Return nothing: all count alike."""

    def slice_names(self, vocabulary: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG002
        """Return the signs."""
        return ("negative", "positive")

    def outputs(self, vocabulary: Sequence[str]) -> dict[str, tuple[int, ...]]:  # noqa: ARG002
        """Return the sum."""
        return {"sum": (1,)}

    def answers(self, vocabulary: Sequence[str]) -> int:  # noqa: ARG002
        """Return 1."""
        return 1

    def score(self, outputs: Outputs, targets: Targets) -> Scores:
        """Return the distance of each."""
        return Scores(np.abs(outputs[:, 0] - targets[:, 0]).astype(np.float64), self.strata(targets))

    def aggregate(self, scores: Scores) -> float:
        """Return the mean distance."""
        return float(scores.values.mean())

    def slice_quality(self, scores: Scores, number: int) -> float:
        """Return the mean distance of one sign."""
        return float(scores.values[scores.slices == number].mean())

    def on_the_way(self, counted: NDArray[Any], samples: int) -> float:
        """Return the mean distance."""
        return float(counted) / samples

    def agreement(self, outputs: Outputs, others: Outputs) -> NDArray[np.bool_]:
        """Return where both are within a tenth."""
        near: NDArray[np.bool_] = np.abs(outputs - others)[:, 0] < 0.1
        return near

    def divergence(self, truth: Outputs, other: Outputs) -> NDArray[np.float64]:
        """Return the distance of the two."""
        return np.abs(truth - other).mean(axis=1).astype(np.float64)

    def mean_loss(self, outputs: Outputs, targets: Targets) -> float:
        """Return the mean squared distance."""
        return float(np.square(outputs - targets).mean())

    def constant(self, targets: Targets) -> Constant:
        """Return what the median reaches."""
        error = float(np.abs(targets - np.median(targets)).mean())
        return Constant(error, error, "the median")

    def knows(self, outputs: Outputs, targets: Targets) -> bool:
        """Return whether it is nearer than the median."""
        return self.aggregate(self.score(outputs, targets)) < self.constant(targets).quality

    def explaining_order(self, outputs: Outputs, targets: Targets, least: float) -> None:
        """Return nothing: there is no vocabulary."""

    def in_order(self, outputs: Outputs, order: Sequence[int]) -> Outputs:  # noqa: ARG002
        """Return the outputs."""
        return outputs

    def guess(self, slices: Sequence[Slice], samples: int) -> Guess | None:
        """Return nothing."""

    def details(self, batches: Iterable[tuple[Outputs, Targets]]) -> None:
        """Return nothing."""


class SumLearning:
    """Mean squared error."""

    targets = tf.TensorSpec((None, 1), tf.float32)

    def weights(self, targets: Tensor, of_strata: Tensor, share: Tensor = None) -> Tensor:  # noqa: ARG002
        """Return 1 for each."""
        return tf.ones(tf.shape(targets)[:1])

    def loss(
        self,
        targets: Tensor,
        outputs: Tensor,
        *,
        smoothing: float = 0.0,  # noqa: ARG002
        share: Tensor = None,  # noqa: ARG002
        weights: Tensor = None,  # noqa: ARG002
    ) -> Tensor:
        """Return it."""
        return tf.reduce_mean(tf.square(outputs - targets))

    def distillation_loss(
        self,
        targets: Tensor,  # noqa: ARG002
        outputs: Tensor,
        teacher_outputs: Tensor,
        settings: Any,  # noqa: ARG002
        *,
        weights: Tensor = None,  # noqa: ARG002
    ) -> Tensor:
        """Return the distance from the teacher."""
        return tf.reduce_mean(tf.square(outputs - teacher_outputs))

    def counted(self, targets: Tensor, outputs: Tensor) -> Tensor:
        """Return the sum of the distances."""
        return tf.reduce_sum(tf.abs(outputs - targets))


def learning() -> SumLearning:
    """Return how sums are learnt."""
    return SumLearning()


def adder(input_shape: dict[str, Shape], outputs: int) -> KerasModel:
    """Build a network that could add: its input layers have the names of the data's inputs."""
    inputs = [keras.Input(shape, name=name) for name, shape in input_shape.items()]
    joined = keras.layers.Concatenate()(inputs)
    return keras.Model(inputs, keras.layers.Dense(outputs)(joined))
