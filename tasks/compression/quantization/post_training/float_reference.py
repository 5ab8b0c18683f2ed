"""How far a quantized file is from the float file that it was made from, on the same examples."""

from __future__ import annotations

from dataclasses import dataclass

from featherline.tasks.data.dataset import Targets
from featherline.tasks.litert.interpreter import Fed, FileRunner, some
from featherline.tasks.problems.protocol import Problem
from featherline.tasks.problems.scored import quality_value


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
    """The float file's outputs, which every other file is compared with."""

    def __init__(self, file: bytes, fed: Fed, labels: Targets, problem: Problem) -> None:
        """Run the float file on examples as the model takes them, n > 0."""
        self.examples, self.labels, self.problem = fed, labels, problem
        self.outputs = FileRunner(file).predict(fed)

    def compare(self, file: bytes, most: int | None = None) -> Comparison:
        """Run a file on all examples, or on the first `most`."""
        outputs = FileRunner(file).predict(some(self.examples, slice(most)))
        truth, labels, problem = self.outputs[:most], self.labels[:most], self.problem
        quality = quality_value(problem, outputs, labels)
        return Comparison(
            quality=quality,
            drop=problem.quality.drop(quality_value(problem, truth, labels), quality),
            agreement=float(problem.agreement(outputs, truth).mean()),
            divergence=problem.divergence(truth, outputs),
        )
