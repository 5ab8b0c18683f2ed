"""The contracts of the step `validate_metrics`."""

from __future__ import annotations

from pydantic import Field

from featherline.tasks.contracts.base import Contract, Fraction
from featherline.tasks.contracts.quality import QualityDrop, QualityValue
from featherline.tasks.contracts.references import Champion, DatasetRef, VerdictRef
from featherline.tasks.contracts.step import Params
from featherline.tasks.contracts.steps.evaluate import EvaluateOutputs


class GateRules(Contract):
    """What a candidate must show to be released."""

    min_quality: QualityValue | None = Field(
        None,
        description="Worst quality on the test split that passes. Absent: better than the best constant answer, and a "
        "person is asked.",
    )
    max_drop: QualityDrop = Field(0.02, description="Quality lost against the float baseline.")
    max_champion_drop: QualityDrop = Field(0.01, description="Quality lost against the registry's champion.")
    max_slice_drop: QualityDrop = Field(
        0.1, description="Quality lost by any slice, such as a class, against the float baseline."
    )
    min_agreement: Fraction = Field(0.0, description="With the float baseline, sample by sample.")


class ValidateMetricsInputs(Contract):
    """All that was measured, and the data with the targets of its test split."""

    data: DatasetRef
    baseline: EvaluateOutputs
    lanes: tuple[EvaluateOutputs, ...]
    champion: Champion | None = None


class ValidateMetricsParams(Params):
    """The rules of the release gate."""

    rules: GateRules = GateRules()


class ValidateMetricsOutputs(Contract):
    """The verdict on every candidate."""

    verdict: VerdictRef
