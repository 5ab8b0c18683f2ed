"""The rules of the data gate, as Great Expectations' own expectations, each with what it says to people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.row_conditions import Column

from featherline.tasks.contracts.dataset import SPLITS, Dataset
from featherline.tasks.contracts.steps.validate_data import ValidateDataParams
from featherline.tasks.judging.data.evidence import DataStatistics, Leak

COLUMNS = ("split", "stratum", "sha256")
"""Of the samples, beside those that the modality of each input counts."""

Limits = Mapping[str, tuple[float, float]]
DIGEST = r"^[0-9a-f]{64}$"
AGAIN = "run preprocess again"


def samples_rules(dataset: Dataset, limits: Limits) -> list[Expectation]:
    """Return the rules of the samples table: schema, nothing absent, values in their range.

    Args:
        dataset: Whose samples they are.
        limits: The lowest and the highest value of each column that an input's modality counts.
    """
    last, columns = len(dataset.strata) - 1, (*COLUMNS, *limits)
    return [
        gxe.ExpectTableColumnsToMatchSet(
            column_set=list(columns),
            exact_match=True,
            meta=_say("schema", "samples", f"the columns {', '.join(columns)}", AGAIN),
        ),
        gxe.ExpectTableRowCountToBeBetween(
            min_value=1, meta=_say("row_count", "samples", "at least 1 row", "give data.source examples")
        ),
        *(
            gxe.ExpectColumnValuesToNotBeNull(column=name, meta=_say("not_null", name, "a value in each row", AGAIN))
            for name in columns
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="split",
            value_set=list(SPLITS),
            meta=_say("known_split", "split", f"one of {', '.join(SPLITS)}", AGAIN),
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="stratum",
            min_value=0,
            max_value=last,
            meta=_say(
                "known_stratum",
                "stratum",
                f"0 to {last}, a place in the vocabulary",
                "correct the vocabulary of the section data, or the labels",
            ),
        ),
        gxe.ExpectColumnValuesToMatchRegex(
            column="sha256", regex=DIGEST, meta=_say("digest", "sha256", "64 hex digits", AGAIN)
        ),
        *(
            gxe.ExpectColumnValuesToBeBetween(
                column=name,
                min_value=low,
                max_value=high,
                meta=_say("value_range", name, f"values from {low:g} to {high:g}", AGAIN),
            )
            for name, (low, high) in limits.items()
        ),
    ]


def splits_rules(params: ValidateDataParams) -> list[Expectation]:
    """Return the rules of each split: counted rightly, enough examples, no stratum too rare, few duplicates."""
    rules: list[Expectation] = [
        gxe.ExpectColumnValuesToBeBetween(
            column="examples",
            min_value=params.min_examples,
            **_only("train"),
            meta=_say(
                "min_examples",
                "train",
                f"at least {params.min_examples} examples (data.checks.min_examples)",
                "give more examples, or lower data.checks.min_examples",
            ),
        )
    ]
    for name in SPLITS:
        rules += [
            gxe.ExpectColumnValuesToBeBetween(
                column="examples", min_value=1, **_only(name), meta=_say("not_empty", name, "at least 1 example", AGAIN)
            ),
            gxe.ExpectColumnValuesToBeBetween(
                column="uncounted",
                max_value=0,
                **_only(name),
                meta=_say("counted", name, "as many samples of each stratum as the manifest says", AGAIN),
            ),
            gxe.ExpectColumnValuesToBeBetween(
                column="rarest_fraction",
                min_value=params.min_stratum_fraction,
                **_only(name),
                meta=_say(
                    "strata_balance",
                    name,
                    f"at least {params.min_stratum_fraction:g} of each stratum (data.checks.min_stratum_fraction)",
                    "give more examples of the rare stratum, or lower data.checks.min_stratum_fraction",
                ),
            ),
            gxe.ExpectColumnValuesToBeBetween(
                column="duplicate_fraction",
                max_value=params.max_duplicate_fraction,
                **_only(name),
                meta=_say(
                    "duplicates",
                    name,
                    f"at most {params.max_duplicate_fraction:g} repeated (data.checks.max_duplicate_fraction)",
                    "remove equal examples from the source, or raise data.checks.max_duplicate_fraction",
                ),
            ),
        ]
    return rules


def leak_rules(leaks: tuple[Leak, ...], params: ValidateDataParams) -> list[Expectation]:
    """Return a rule for each pair of splits that must not share examples."""
    return [
        gxe.ExpectColumnValuesToBeBetween(
            column="examples",
            max_value=params.max_leaked_examples,
            row_condition=Column("pair") == leak.pair,
            meta=_say(
                "leakage",
                leak.pair,
                f"at most {params.max_leaked_examples} examples in both (data.checks.max_leaked_examples)",
                f"remove them from one of the two, examples with the sha256 {_some(leak.digests)}",
            ),
        )
        for leak in leaks
    ]


def strata_rules(params: ValidateDataParams) -> list[Expectation]:
    """Return the rules of each stratum: in training, and in calibration."""
    least = params.min_calibration_per_stratum
    return [
        gxe.ExpectColumnValuesToBeBetween(
            column="train",
            min_value=1,
            meta=_say(
                "stratum_taught", "train", "at least 1 example of every stratum", "add examples, or drop the stratum"
            ),
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="calibration",
            min_value=least,
            meta=_say(
                "calibration_coverage",
                "calibration",
                f"at least {least} examples of every stratum (data.checks.min_calibration_per_stratum)",
                "raise data.calibration_count, or lower data.checks.min_calibration_per_stratum",
            ),
        ),
    ]


def strata_drift_rules(before: DataStatistics, params: ValidateDataParams) -> list[Expectation]:
    """Return the rule of train's histogram of strata, over the samples table: near to the last accepted one."""
    total = sum(before.counts)
    weights = [count / total for count in before.counts]
    return [
        gxe.ExpectColumnKLDivergenceToBeLessThan(
            column="stratum",
            partition_object={"values": list(range(len(weights))), "weights": weights},
            threshold=params.max_strata_drift,
            **_only("train"),
            meta=_say(
                "strata_drift",
                "train",
                f"a KL divergence of at most {params.max_strata_drift:g} from the last accepted data"
                " (data.checks.max_strata_drift)",
                "look for a change in how the data are collected, or raise data.checks.max_strata_drift",
            ),
        )
    ]


def input_drift_rules(params: ValidateDataParams) -> list[Expectation]:
    """Return the rules of the channels: mean and spread near to those of the last accepted data."""
    return [
        gxe.ExpectColumnValuesToBeBetween(
            column=column,
            max_value=params.max_input_drift,
            meta=_say(
                "input_drift",
                f"{statistic} of train's inputs",
                f"at most {params.max_input_drift:g} standard deviations from the last accepted data"
                " (data.checks.max_input_drift)",
                "look for a change of sensor, scale or encoding, or raise data.checks.max_input_drift",
            ),
        )
        for column, statistic in (("mean_shift", "mean"), ("std_shift", "spread"))
    ]


def _only(split: str) -> dict[str, Any]:
    return {"row_condition": Column("split") == split}


def _say(rule: str, subject: str, expected: str, fix: str) -> dict[str, str]:
    return {"rule": rule, "subject": subject, "expected": expected, "fix": fix}


def _some(digests: tuple[str, ...]) -> str:
    shown = ", ".join(f"{value[:12]}…" for value in digests[:5])
    return shown or "of none"
