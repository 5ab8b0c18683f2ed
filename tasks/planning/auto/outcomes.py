"""What became of a lane, as far as a search may learn from it.

    candidates, arrived lanes, device, gate ──► Outcome(parameters, cost, accuracy, violations), or failed

The accuracy is that of the exported file on the *validation* split. The test split is for the gate: a search that
learnt from it would choose what is lucky there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from featherline.tasks.contracts.auto import PipelinePoint
from featherline.tasks.contracts.candidate import Candidate
from featherline.tasks.contracts.device import Budget, beyond
from featherline.tasks.contracts.measurement import Measurement
from featherline.tasks.contracts.model import LiteRTModel
from featherline.tasks.contracts.steps.evaluate import EvaluateOutputs
from featherline.tasks.contracts.steps.select import Objective
from featherline.tasks.contracts.steps.validate_metrics import GateRules
from featherline.tasks.judging.metrics.budget import excess, used
from featherline.tasks.judging.metrics.reasons import COST


@dataclass(frozen=True)
class Outcome:
    """A lane that ended.

    Attributes:
        name: Of the candidate.
        parameters: The point that was proposed; None of a candidate that the recipe names itself.
        failed: Whether it failed. Then nothing of what follows is known.
        cost: What the gate's objective has least of.
        accuracy: On the validation split.
        violations: By how much each rule and bound is broken, as a fraction; at most 0 where it is kept.
        measured: Size, MACs, memory and latency, by the names of a budget.
    """

    name: str
    point: PipelinePoint | None
    failed: bool = True
    cost: float = 0.0
    accuracy: float = 0.0
    violations: Mapping[str, float] = field(default_factory=dict)
    measured: Mapping[str, float] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Return whether it arrived and keeps every rule and bound."""
        return not self.failed and all(broken <= 0 for broken in self.violations.values())

    def within(self, budget: Budget) -> bool:
        """Return whether what was measured keeps a budget."""
        return not beyond(budget.excess(self.measured))


def outcomes(
    candidates: Sequence[Candidate],
    arrived: Mapping[str, tuple[EvaluateOutputs, Measurement]],
    baseline: EvaluateOutputs,
    *,
    budget: Budget,
    rules: GateRules,
    objective: Objective,
) -> list[Outcome]:
    """Return what became of each candidate, in the order in which they were planned."""
    found = []
    for candidate in candidates:
        if candidate.name not in arrived:
            found.append(Outcome(candidate.name, candidate.auto))
            continue
        lane, measurement = arrived[candidate.name]
        accuracy = lane.model.validation_accuracy
        broken = {
            "max_drop": baseline.model.validation_accuracy - accuracy - rules.max_drop,
            "min_accuracy": (rules.min_accuracy or 0.0) - accuracy,
            "max_class_drop": _class_drop(baseline.model, lane.model) - rules.max_class_drop,
        }
        found.append(
            Outcome(
                candidate.name,
                candidate.auto,
                failed=False,
                cost=-accuracy if objective == "accuracy" else COST[objective](measurement),
                accuracy=accuracy,
                violations=broken | excess(measurement, budget),
                measured=used(measurement),
            )
        )
    return found


def _class_drop(before: LiteRTModel, after: LiteRTModel) -> float:
    """Return the most recall that a class of the validation split lost."""
    pairs = zip(before.validation_recall, after.validation_recall, strict=True)
    return max(had - has for had, has in pairs if had is not None and has is not None)
