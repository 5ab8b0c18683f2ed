"""The contracts of the step `validate_metrics`."""

from __future__ import annotations

from pydantic import Field

from featherline.tasks.contracts.base import Contract, Fraction
from featherline.tasks.contracts.references import Champion, DatasetRef, VerdictRef
from featherline.tasks.contracts.step import Params
from featherline.tasks.contracts.steps.evaluate import EvaluateOutputs


class GateRules(Contract):
    """What a candidate must show to be released."""

    min_accuracy: Fraction | None = Field(
        None,
        description="On the test split. Absent: more than the share of the largest class, and a person is asked.",
    )
    max_drop: Fraction = Field(0.02, description="Accuracy lost against the float baseline.")
    max_champion_drop: Fraction = Field(0.01, description="Accuracy lost against the registry's champion.")
    max_class_drop: Fraction = Field(0.1, description="Recall lost by any class against the float baseline.")
    min_agreement: Fraction = Field(0.0, description="With the float baseline, image by image.")


class ValidateMetricsInputs(Contract):
    """All that was measured, and the data with the labels of its test split."""

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
