"""What every kind of problem answers, so that no step asks which kind it is. NumPy only; the rest is `Learning`.

    outputs, targets ──► score ──► one value a unit ──► aggregate ──► quality
                                        └──► the slice that each unit belongs to

A unit is what an answer is right or wrong about: an image, a clip, a document, an episode.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.base import Contract
from featherline.tasks.contracts.fit import DistillationSettings, Fit
from featherline.tasks.contracts.quality import QualityMetric, Slice
from featherline.tasks.contracts.steps.preprocess import PreprocessParams
from featherline.tasks.data.sources.source import Source, SourceTargets

Outputs = NDArray[np.float32]
"""(n, ...), what a network or a file gives for n samples."""
Targets = NDArray[Any]
"""(n, ...), what it should give."""
Tensor = Any


@dataclass(frozen=True)
class Scores:
    """How good each unit is.

    Attributes:
        values: (n,) or (n, k), what `aggregate` makes the quality of.
        slices: (n,), the slice that each unit belongs to; -1 where it belongs to none.
    """

    values: NDArray[np.float64]
    slices: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.values)

    def take(self, places: NDArray[np.intp] | NDArray[np.bool_]) -> Scores:
        """Return those of some units, which may come several times."""
        return Scores(self.values[places], self.slices[places])


@dataclass(frozen=True)
class Constant:
    """What the best answer that is alike for every sample reaches.

    Attributes:
        quality: Its value.
        better: The first value that is better, on so many samples.
        what: What it is, for people.
    """

    quality: float
    better: float
    what: str


@dataclass(frozen=True)
class Guess:
    """How a model compares with what guesses would reach.

    Attributes:
        value: Of the model, a share.
        floor: What guesses stay below in 99 of 100 cases.
        expected: The same for people.
    """

    value: float
    floor: float
    expected: str


@dataclass(frozen=True)
class Words:
    """How a problem is told.

    Attributes:
        unit: One sample, such as "image".
        slice: One slice, such as "class".
        slices: Several.
        slice_quality: What the quality of a slice is called, such as "recall".
    """

    unit: str
    slice: str
    slices: str
    slice_quality: str


class Problem(Protocol):
    """One kind of answer: how it is scored, sliced and told."""

    name: str
    quality: QualityMetric
    is_mean: bool
    """Whether the quality is the mean of the units' values."""
    words: Words
    teacher_floor: float
    """The worst quality of a float baseline whose recipe names none."""
    slice_floor: float
    """The worst quality of its slices."""

    def read_targets(self, source: Source, params: PreprocessParams) -> SourceTargets:
        """Read what is to be answered, of a whole source, without its examples.

        Raises:
            Refused: It has none, or they are no answers of this kind.
        """

    def strata(self, targets: Targets) -> NDArray[np.int64]:
        """Return (n,) what splits, subsets and calibration are balanced by."""

    def strata_weights(
        self, fit: Fit, counts: NDArray[np.int64], vocabulary: Sequence[str]
    ) -> NDArray[np.float32] | None:
        """Return how much the loss of an example of each stratum counts; None where all count alike.

        Args:
            fit: The parameters of a training.
            counts: (strata,), the examples that are learnt from.
            vocabulary: The names of the answers.

        Returns:
            (strata,), whose mean over the examples is 1.

        Raises:
            Refused: A stratum is named that is not there.
        """

    def slice_names(self, vocabulary: Sequence[str]) -> tuple[str, ...]:
        """Return the name of each slice, by its number."""

    def outputs(self, vocabulary: Sequence[str]) -> dict[str, tuple[int, ...]]:
        """Return the shape of each output for one sample, by its name in the file."""

    def answers(self, vocabulary: Sequence[str]) -> int:
        """Return the number that a builder of networks is given: of classes, of values."""

    def score(self, outputs: Outputs, targets: Targets) -> Scores:
        """Score each unit, by the outputs of its own samples alone: outputs come in batches."""

    def aggregate(self, scores: Scores) -> float:
        """Return the quality of these units, of which there is at least one."""

    def slice_quality(self, scores: Scores, number: int) -> float:
        """Return the quality of one slice, of which there is at least one unit. The scores are those of all units."""

    def on_the_way(self, counted: NDArray[Any], samples: int) -> float:
        """Return the quality of what a training saw, of the sum of what `Learning.counted` gave for its batches."""

    def agreement(self, outputs: Outputs, others: Outputs) -> NDArray[np.bool_]:
        """Return (n,) where two outputs say the same."""

    def divergence(self, truth: Outputs, other: Outputs) -> NDArray[np.float64]:
        """Return (n,) how far other outputs are from the true ones, 0 where they are equal."""

    def mean_loss(self, outputs: Outputs, targets: Targets) -> float:
        """Return the loss that training makes small, without smoothing or mixing."""

    def constant(self, targets: Targets) -> Constant:
        """Return what the best constant answer reaches."""

    def knows(self, outputs: Outputs, targets: Targets) -> bool:
        """Return whether outputs say more of the targets than guesses would."""

    def explaining_order(self, outputs: Outputs, targets: Targets, least: float) -> tuple[int, ...] | None:
        """Return the order of the vocabulary that explains outputs which seem wrong; None where there is none.

        Args:
            outputs: Of a model.
            targets: Of the data.
            least: Part of the renamed samples that must be right then.
        """

    def in_order(self, outputs: Outputs, order: Sequence[int]) -> Outputs:
        """Return the outputs in the order of the data's vocabulary."""

    def guess(self, slices: Sequence[Slice], samples: int) -> Guess | None:
        """Return how a model compares with guesses; None where the problem cannot say."""

    def details(self, batches: Iterable[tuple[Outputs, Targets]]) -> Contract | None:
        """Return what else the outputs say, for report and card; they come in batches, in order."""


class Learning(Protocol):
    """How a kind of answer is learnt: the TensorFlow side."""

    targets: Tensor
    """The `TensorSpec` of a batch of targets."""

    def weights(self, targets: Tensor, of_strata: Tensor, share: Tensor = None) -> Tensor:
        """Return (n,) how much each example counts.

        Args:
            targets: (n, ...).
            of_strata: (strata,), how much one of each counts.
            share: As of `loss`: a mixture counts as the mixture of both.
        """

    def loss(
        self,
        targets: Tensor,
        outputs: Tensor,
        *,
        smoothing: float = 0.0,
        share: Tensor = None,
        weights: Tensor = None,
    ) -> Tensor:
        """Return the mean loss of a batch.

        Args:
            targets: (n, ...).
            outputs: (n, ...).
            smoothing: Of the targets, 0 to 1; of no meaning to some problems.
            share: (n,), the part of each sample's own target, the rest being its partner's; None where none is mixed.
            weights: (n,), what each example's loss is multiplied by; None where all count alike.
        """

    def distillation_loss(
        self,
        targets: Tensor,
        outputs: Tensor,
        teacher_outputs: Tensor,
        settings: DistillationSettings,
        *,
        weights: Tensor = None,
    ) -> Tensor:
        """Return how far the student's outputs are from the teacher's, mean over the batch, weighed as the loss is."""

    def counted(self, targets: Tensor, outputs: Tensor) -> Tensor:
        """Return what the loop sums over the batches, of any shape: `Problem.on_the_way` makes the quality of it."""
