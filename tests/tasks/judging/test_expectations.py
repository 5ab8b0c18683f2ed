"""Every way in which Great Expectations would let a table pass by accident is closed."""

from __future__ import annotations

import math
import zipfile
from io import BytesIO
from pathlib import Path

import great_expectations.expectations as gxe
import pandas as pd
import pytest
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.row_conditions import Column

from featherline.tasks.contracts.measurement import Finding
from featherline.tasks.judging.expectations import judge, zip_docs

RULE = {"rule": "floor", "subject": "accuracy of all", "expected": "at least 0.9", "fix": "train longer"}


def floor(**changes: object) -> Expectation:
    """Return the rule that accuracy is at least 0.9."""
    return gxe.ExpectColumnValuesToBeBetween(**{"column": "quality", "min_value": 0.9, "meta": RULE, **changes})


def judge_one(table: pd.DataFrame, expectation: Expectation) -> Finding:
    """Return the only finding."""
    (found,) = judge(table, [expectation], suite="one", index="name")
    return found


def test_a_value_at_the_bound_passes():
    """0.9 keeps a floor of 0.9."""
    found = judge_one(pd.DataFrame({"name": ["a"], "quality": [0.9]}), floor())

    assert found == Finding(**RULE, passed=True, got="0.9")


def test_a_failure_names_the_rows():
    """The finding says how many rows broke the rule, their values and their names."""
    found = judge_one(pd.DataFrame({"name": ["a", "b", "c"], "quality": [0.95, 0.5, 0.25]}), floor())

    assert not found.passed
    assert found.got == "2 of 3: 0.5 (b), 0.25 (c)"


def test_findings_keep_the_order_of_the_expectations():
    """Great Expectations sorts its results; the findings are in the order that was asked."""
    table = pd.DataFrame({"name": ["a"], "quality": [0.95], "size": [3]})
    rules = [
        gxe.ExpectColumnValuesToBeBetween(column="size", max_value=2, meta={"rule": "third"}),
        gxe.ExpectTableRowCountToBeBetween(min_value=1, meta={"rule": "first"}),
        floor(meta={"rule": "second"}),
        floor(meta={"rule": "second again"}),
    ]

    findings = judge(table, rules, suite="order", index="name")

    assert [found.rule for found in findings] == ["third", "first", "second", "second again"]
    assert [found.passed for found in findings] == [False, True, True, True]


@pytest.mark.parametrize(
    ("table", "expectation", "got"),
    [
        ({"name": ["a", "b"], "quality": [0.95, math.nan]}, floor(), "1 of 2 values are missing"),
        ({"name": [], "quality": []}, floor(), "a table without rows"),
        ({"name": ["a"], "quality": [0.95]}, floor(row_condition=Column("name") == "b"), "no rows to judge"),
        ({"name": ["a"]}, floor(), 'The column "quality" in BatchData does not exist.'),
        (
            {"name": ["a", "b"], "quality": [0.95, math.nan]},
            gxe.ExpectColumnMeanToBeBetween(column="quality", min_value=0.9),
            "1 of 2 values are missing",
        ),
        ({"name": ["a"], "quality": ["high"]}, floor(), None),
        ({"name": ["a"], "quality": [0.95]}, floor(row_condition=Column("weight") == 1), None),
    ],
    ids=[
        "a NaN",
        "no rows",
        "no rows under the condition",
        "no column",
        "a NaN in a mean",
        "text",
        "a condition on no column",
    ],
)
def test_nothing_passes_by_accident(table: dict[str, list[object]], expectation: Expectation, got: str | None):
    """What Great Expectations would skip or crash on is a failed finding that says so."""
    found = judge_one(pd.DataFrame(table), expectation)

    assert not found.passed
    assert found.got == got or (got is None and found.got)


def test_a_null_passes_where_it_is_allowed():
    """With `nulls_allowed` only the values that are there are judged."""
    table = pd.DataFrame({"name": ["a", "b"], "quality": [0.95, math.nan]})

    found = judge_one(table, floor(meta={**RULE, "nulls_allowed": True}))

    assert found.passed


def test_a_condition_narrows_the_rows_that_must_not_be_null():
    """A NaN outside the condition does not count, also for a mean."""
    table = pd.DataFrame({"name": ["a", "b"], "quality": [0.95, math.nan]})
    rule = gxe.ExpectColumnMeanToBeBetween(column="quality", min_value=0.9, row_condition=Column("name") == "a")

    assert judge_one(table, rule).passed


def test_no_expectations_give_no_findings():
    """An empty suite finds nothing, which opens no gate."""
    assert judge(pd.DataFrame({"name": ["a"]}), [], suite="none", index="name") == ()


def test_severity_is_that_of_the_expectation():
    """A warning stays one."""
    found = judge_one(pd.DataFrame({"name": ["a"], "quality": [0.5]}), floor(severity="warning"))

    assert found.severity == "warning"


def test_an_expectation_without_words_speaks_for_itself():
    """Without `meta` the rule is the expectation's type, and what it expects its own arguments."""
    found = judge_one(pd.DataFrame({"name": ["a"], "quality": [0.5]}), floor(meta=None))

    assert (found.rule, found.subject) == ("expect_column_values_to_be_between", "quality")
    assert found.expected == "column values to be between (column quality, min_value 0.9)"


def test_docs_are_written_where_asked_and_zip(tmp_path: Path):
    """Great Expectations' own pages go to the folder, and into a zip with an index."""
    judge(pd.DataFrame({"name": ["a"], "quality": [0.5]}), [floor()], suite="docs", index="name", docs_folder=tmp_path)

    with zipfile.ZipFile(BytesIO(zip_docs(tmp_path))) as archive:
        assert "index.html" in archive.namelist()


def test_equal_folders_give_equal_zips(tmp_path: Path):
    """The zip holds no times of its own."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "page.html").write_text("page")

    assert zip_docs(tmp_path / "one") == zip_docs(tmp_path / "two")
