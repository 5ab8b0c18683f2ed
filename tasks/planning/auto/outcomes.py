"""What became of a lane, as far as a search may learn from it.

    candidates, arrived lanes, device, gate ──► Outcome(parameters, cost, gain, violations), or failed

The quality is that of the exported file on the *validation* split. The test split is for the gate: a search that
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
from featherline.tasks.contracts.quality import SHARE, QualityMetric, worst_slice_drop
from featherline.tasks.contracts.steps.evaluate import EvaluateOutputs
from featherline.tasks.contracts.steps.select import Objective
from featherline.tasks.contracts.steps.validate_metrics import GateRules
from featherline.tasks.judging.candidates.budget import excess, used
from featherline.tasks.judging.candidates.reasons import COST


@dataclass(frozen=True)
class Outcome:
    """A lane that ended.

    Attributes:
        name: Of the candidate.
        parameters: The point that was proposed; None of a candidate that the recipe names itself.
        failed: Whether it failed. Then nothing of what follows is known.
        cost: What the gate's objective has least of.
        quality: On the validation split.
        metric: Of the quality.
        gain: The quality so that more is better.
        violations: By how much each rule and bound is broken, as a fraction or in the unit of the quality; at most
            0 where it is kept.
        measured: Size, MACs, memory and latency, by the names of a budget.
    """

    name: str
    point: PipelinePoint | None
    failed: bool = True
    cost: float = 0.0
    quality: float = 0.0
    gain: float = 0.0
    metric: QualityMetric = SHARE
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
    results = []
    for candidate in candidates:
        if candidate.name not in arrived:
            results.append(Outcome(candidate.name, candidate.auto))
            continue
        lane, measurement = arrived[candidate.name]
        quality, metric = lane.model.validation_quality, measurement.quality.metric
        broken = {
            "max_drop": metric.drop(baseline.model.validation_quality, quality) - rules.max_drop,
        } | _floors(baseline.model, lane.model, rules, metric)
        results.append(
            Outcome(
                candidate.name,
                candidate.auto,
                failed=False,
                cost=-metric.reward(quality) if objective == "quality" else COST[objective](measurement),
                quality=quality,
                gain=metric.reward(quality),
                metric=metric,
                violations=broken | excess(measurement, budget),
                measured=used(measurement),
            )
        )
    return results


def _floors(before: LiteRTModel, after: LiteRTModel, rules: GateRules, metric: QualityMetric) -> dict[str, float]:
    """Return by how much the rules of the worst quality and of the slices are broken, where there are such."""
    floor = metric.worst if rules.min_quality is None else rules.min_quality
    lost = worst_slice_drop(before.validation_slices, after.validation_slices, metric)
    below = {} if floor is None else {"min_quality": metric.drop(floor, after.validation_quality)}
    return below | ({} if lost is None else {"max_slice_drop": lost[0] - rules.max_slice_drop})
