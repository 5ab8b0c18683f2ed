"""How far a quantized file is from the float file that it was made from, on the same examples."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import numpy as np

from featherline.tasks.data.dataset import Targets
from featherline.tasks.litert.interpreter import Batched, Fed, FileRunner, some
from featherline.tasks.problems.protocol import Outputs, Problem
from featherline.tasks.problems.scored import joined
from featherline.tasks.store.array_rows import ArrayRows, write_rows


@dataclass(frozen=True)
class Comparison:
    """One file.

    Attributes:
        quality: Of its outputs.
        drop: By how much it is worse than the float file; negative where it is better.
        agreement: Fraction of the examples on which both say the same.
        divergence: How far its outputs are from the float file's, such as their Kullback-Leibler divergence.
    """

    quality: float
    drop: float
    agreement: float
    divergence: float

    def loses_more_than(self, allowed: float) -> bool:
        """Return whether the drop is more than what is allowed; one that is no number is."""
        return not self.drop <= allowed


class FloatReference:
    """The float file's outputs, which every other file is compared with.

    They lie on disk; of a file that is compared a batch is held, and a few numbers of each example.
    """

    def __init__(self, file: bytes, fed: Fed | Batched, labels: Targets, problem: Problem) -> None:
        """Run the float file on examples as the model takes them, n > 0."""
        self.examples, self.labels, self.problem = fed, labels, problem
        with tempfile.TemporaryDirectory(prefix="featherline-reference-") as folder:
            path = Path(folder, "outputs.npy")
            write_rows(path, len(labels), FileRunner(file).outputs_of(fed))
            self.outputs = ArrayRows(FileIO(path))  # the room is free again when it is closed

    def close(self) -> None:
        """Forget the outputs."""
        self.outputs.close()

    def compare(self, file: bytes, most: int | None = None) -> Comparison:
        """Run a file on all examples, or on the first `most`."""
        problem, labels = self.problem, self.labels[:most]
        scores, true_scores, agreement, divergence = [], [], [], []
        for rows, outputs in _numbered(FileRunner(file).outputs_of(some(self.examples, slice(most)))):
            truth = self.outputs[rows]
            scores.append(problem.score(outputs, labels[rows]))
            true_scores.append(problem.score(truth, labels[rows]))
            agreement.append(problem.agreement(outputs, truth))
            divergence.append(problem.divergence(truth, outputs))
        quality, true_quality = (problem.aggregate(joined(parts)) for parts in (scores, true_scores))
        return Comparison(
            quality=quality,
            drop=problem.quality.drop(true_quality, quality),
            agreement=float(np.concatenate(agreement).mean()),
            divergence=float(np.concatenate(divergence).mean()),
        )


def _numbered(batches: Iterator[Outputs]) -> Iterator[tuple[slice, Outputs]]:
    """Yield batches with the places of their examples."""
    start = 0
    for batch in batches:
        yield slice(start, start + len(batch)), batch
        start += len(batch)
