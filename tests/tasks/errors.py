"""A problem of which less is better: one number a sample, told by its mean absolute error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.quality import QualityMetric, Slice
from featherline.tasks.problems.protocol import Constant, Outputs, Scores, Targets, Words

ERROR = QualityMetric(name="mean error", unit="mm", worst=None, best=0.0, higher_is_better=False)


class MeanError:
    """Outputs and targets are (n, 1)."""

    name = "mean_error"
    quality = ERROR
    is_mean = True
    words = Words(unit="sample", slice="slice", slices="slices", slice_quality="mean error")
    teacher_floor = 1.0
    slice_floor = 1.0

    def strata(self, targets: Targets) -> NDArray[np.int64]:
        """Return one stratum."""
        return np.zeros(len(targets), np.int64)

    def slice_names(self, vocabulary: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG002
        """Return none."""
        return ()

    def outputs(self, vocabulary: Sequence[str]) -> dict[str, tuple[int, ...]]:  # noqa: ARG002
        """Return one number."""
        return {"value": (1,)}

    def answers(self, vocabulary: Sequence[str]) -> int:  # noqa: ARG002
        """Return 1."""
        return 1

    def score(self, outputs: Outputs, targets: Targets) -> Scores:
        """Return the absolute errors."""
        return Scores(np.abs(outputs - targets).mean(axis=1), np.full(len(targets), -1))

    def aggregate(self, scores: Scores) -> float:
        """Return their mean."""
        return float(scores.values.mean())

    def agreement(self, outputs: Outputs, others: Outputs) -> NDArray[np.bool_]:
        """Return where both are within a tenth."""
        close: NDArray[np.bool_] = np.abs(outputs - others).max(axis=1) <= 0.1
        return close

    def divergence(self, truth: Outputs, other: Outputs) -> NDArray[np.float64]:
        """Return the mean squared difference of each sample."""
        return np.square(truth - other).mean(axis=1).astype(np.float64)

    def mean_loss(self, outputs: Outputs, targets: Targets) -> float:
        """Return the mean squared error."""
        return float(np.square(outputs - targets).mean())

    def constant(self, targets: Targets) -> Constant:
        """Return the mean distance from the median."""
        value = float(np.abs(targets - np.median(targets)).mean())
        return Constant(value, float(np.nextafter(value, 0.0)), "the error of the median")

    def knows(self, outputs: Outputs, targets: Targets) -> bool:
        """Return whether the outputs are better than the median."""
        return self.aggregate(self.score(outputs, targets)) < self.constant(targets).quality

    def explaining_order(self, outputs: Outputs, targets: Targets, least: float) -> None:
        """Return none: a number has no order."""

    def in_order(self, outputs: Outputs, order: Sequence[int]) -> Outputs:  # noqa: ARG002
        """Return the outputs."""
        return outputs

    def guess(self, slices: Sequence[Slice], samples: int) -> None:
        """Return none."""

    def details(self, batches: Iterable[tuple[Outputs, Targets]]) -> None:
        """Return none."""
