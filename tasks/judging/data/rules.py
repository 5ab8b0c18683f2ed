"""The rules of the data gate, as Great Expectations' own expectations, each with what it says to people."""

from __future__ import annotations

from typing import Any

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.row_conditions import Column

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.steps.validate_data import ValidateDataParams
from featherline.tasks.judging.data.evidence import SPLITS, DataStatistics, Leak

COLUMNS = ("split", "label", "sha256", "mean", "std", "minimum", "maximum")
DIGEST = r"^[0-9a-f]{64}$"
AGAIN = "run preprocess again"


def samples_rules(dataset: Dataset) -> list[Expectation]:
    """Return the rules of the samples table: schema, nothing absent, values in their range."""
    scale, last = dataset.normalisation.scale, len(dataset.classes) - 1
    pixels = {"min_value": 0, "max_value": scale}
    return [
        gxe.ExpectTableColumnsToMatchSet(
            column_set=list(COLUMNS),
            exact_match=True,
            meta=_say("schema", "samples", f"the columns {', '.join(COLUMNS)}", AGAIN),
        ),
        gxe.ExpectTableRowCountToBeBetween(
            min_value=1, meta=_say("row_count", "samples", "at least 1 row", "give data.source images")
        ),
        *(
            gxe.ExpectColumnValuesToNotBeNull(column=name, meta=_say("not_null", name, "a value in each row", AGAIN))
            for name in COLUMNS
        ),
        gxe.ExpectColumnValuesToBeInSet(
            column="split",
            value_set=list(SPLITS),
            meta=_say("known_split", "split", f"one of {', '.join(SPLITS)}", AGAIN),
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="label",
            min_value=0,
            max_value=last,
            meta=_say("known_label", "label", f"0 to {last}, a place in classes", "correct data.classes or the labels"),
        ),
        gxe.ExpectColumnValuesToMatchRegex(
            column="sha256", regex=DIGEST, meta=_say("digest", "sha256", "64 hex digits", AGAIN)
        ),
        *(
            gxe.ExpectColumnValuesToBeBetween(
                column=name, **pixels, meta=_say("value_range", name, f"pixels from 0 to {scale:g}", AGAIN)
            )
            for name in ("minimum", "maximum", "mean", "std")
        ),
    ]


def splits_rules(params: ValidateDataParams) -> list[Expectation]:
    """Return the rules of each split: counted rightly, enough images, no class too rare, few duplicates."""
    rules: list[Expectation] = [
        gxe.ExpectColumnValuesToBeBetween(
            column="images",
            min_value=params.min_images,
            **_only("train"),
            meta=_say(
                "min_images",
                "train",
                f"at least {params.min_images} images (data.checks.min_images)",
                "give more images, or lower data.checks.min_images",
            ),
        )
    ]
    for name in SPLITS:
        rules += [
            gxe.ExpectColumnValuesToBeBetween(
                column="images", min_value=1, **_only(name), meta=_say("not_empty", name, "at least 1 image", AGAIN)
            ),
            gxe.ExpectColumnValuesToBeBetween(
                column="uncounted",
                max_value=0,
                **_only(name),
                meta=_say("counted", name, "as many samples of each class as the manifest says", AGAIN),
            ),
            gxe.ExpectColumnValuesToBeBetween(
                column="rarest_class_fraction",
                min_value=params.min_class_fraction,
                **_only(name),
                meta=_say(
                    "class_balance",
                    name,
                    f"at least {params.min_class_fraction:g} of each class (data.checks.min_class_fraction)",
                    "give more images of the rare class, or lower data.checks.min_class_fraction",
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
                    "remove equal images from the source, or raise data.checks.max_duplicate_fraction",
                ),
            ),
        ]
    return rules


def leak_rules(found: tuple[Leak, ...], params: ValidateDataParams) -> list[Expectation]:
    """Return a rule for each pair of splits that must not share images."""
    return [
        gxe.ExpectColumnValuesToBeBetween(
            column="images",
            max_value=params.max_leaked_images,
            row_condition=Column("pair") == leak.pair,
            meta=_say(
                "leakage",
                leak.pair,
                f"at most {params.max_leaked_images} images in both (data.checks.max_leaked_images)",
                f"remove them from one of the two, pixels with the sha256 {_some(leak.digests)}",
            ),
        )
        for leak in found
    ]


def classes_rules(params: ValidateDataParams) -> list[Expectation]:
    """Return the rules of each class: in training, and in calibration."""
    least = params.min_calibration_per_class
    return [
        gxe.ExpectColumnValuesToBeBetween(
            column="train",
            min_value=1,
            meta=_say("class_taught", "train", "at least 1 image of every class", "add images, or drop the class"),
        ),
        gxe.ExpectColumnValuesToBeBetween(
            column="calibration",
            min_value=least,
            meta=_say(
                "calibration_coverage",
                "calibration",
                f"at least {least} images of every class (data.checks.min_calibration_per_class)",
                "raise data.calibration_count, or lower data.checks.min_calibration_per_class",
            ),
        ),
    ]


def class_drift_rules(before: DataStatistics, params: ValidateDataParams) -> list[Expectation]:
    """Return the rule of train's class histogram, over the samples table: near to the last accepted one."""
    total = sum(before.class_counts)
    weights = [count / total for count in before.class_counts]
    return [
        gxe.ExpectColumnKLDivergenceToBeLessThan(
            column="label",
            partition_object={"values": list(range(len(weights))), "weights": weights},
            threshold=params.max_class_drift,
            **_only("train"),
            meta=_say(
                "class_drift",
                "train",
                f"a KL divergence of at most {params.max_class_drift:g} from the last accepted data"
                " (data.checks.max_class_drift)",
                "look for a change in how the data are collected, or raise data.checks.max_class_drift",
            ),
        )
    ]


def pixel_drift_rules(params: ValidateDataParams) -> list[Expectation]:
    """Return the rules of the channels: mean and spread near to those of the last accepted data."""
    return [
        gxe.ExpectColumnValuesToBeBetween(
            column=column,
            max_value=params.max_pixel_drift,
            meta=_say(
                "pixel_drift",
                f"{statistic} of train's pixels",
                f"at most {params.max_pixel_drift:g} standard deviations from the last accepted data"
                " (data.checks.max_pixel_drift)",
                "look for a change of camera, scale or encoding, or raise data.checks.max_pixel_drift",
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
