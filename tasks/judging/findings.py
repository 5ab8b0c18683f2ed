"""Findings: what one result of Great Expectations says, in words for people. `judging.expectations` is the way in."""

from __future__ import annotations

import html
from typing import Any

import pandas as pd
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import (
    ColumnMapExpectation,
    ColumnPairMapExpectation,
    Expectation,
    MulticolumnMapExpectation,
)
from great_expectations.expectations.row_conditions import PassThroughCondition

from featherline.tasks.contracts.measurement import Finding
from featherline.tasks.contracts.refusal import MOST_EXAMPLES

MAPS = (ColumnMapExpectation, ColumnPairMapExpectation, MulticolumnMapExpectation)
"""Expectations of every row; the others are of a column or the table as a whole."""

LONGEST = 200
"""Characters of a value in a finding."""


def finding(expectation: Expectation, *, passed: bool, got: str) -> Finding:
    """Return the finding on an expectation, in the words of its `meta` or else its own."""
    told = expectation.meta or {}
    severity = getattr(expectation.severity, "value", expectation.severity)
    subject = told.get("subject") or getattr(expectation, "column", None) or "table"
    return Finding(
        rule=str(told.get("rule") or expectation.expectation_type),
        subject=str(subject),
        passed=passed,
        severity="critical" if severity == "critical" else "warning",
        expected=str(told.get("expected") or expectation.description or _bounds(expectation)),
        got=got,
        fix=str(told.get("fix") or ""),
        margin=told.get("margin"),
    )


def outcome(
    expectation: Expectation, answer: dict[str, Any] | None, table: pd.DataFrame, index: str | None
) -> tuple[bool, str]:
    """Return whether the rule holds, and the value met in words."""
    if answer is None:
        return False, "no result"
    crash = _crash(answer["exception_info"])
    if crash:
        return False, crash
    result = answer["result"]
    of_rows = isinstance(expectation, MAPS) and "observed_value" not in result
    rows = result.get("element_count", 0) if of_rows else len(table)
    if rows == 0:
        return False, "no rows to judge"
    if not answer["success"]:
        return False, _broken(result, index) if of_rows else _aggregate(result)
    missing = result.get("missing_count", 0) if of_rows else _nulls(expectation, table)
    if missing and not (expectation.meta or {}).get("nulls_allowed", False):
        return False, f"{missing} of {rows} values are missing"
    return True, (_kept(expectation, table) or f"{rows} of {rows} keep it") if of_rows else _aggregate(result)


def _crash(info: dict[str, Any] | None) -> str:
    """Return the message of an exception inside Great Expectations, which keys them by metric, or nothing."""
    info = info or {}
    inner = [info] if "raised_exception" in info else [item for item in info.values() if isinstance(item, dict)]
    messages = [str(item.get("exception_message")) for item in inner if item.get("raised_exception")]
    return _short(messages[0].replace("Error: ", "").strip('"')) if messages else ""


def _nulls(expectation: Expectation, table: pd.DataFrame) -> int:
    """Count the nulls of the column that an aggregate stands on: a mean that skips a NaN is no mean."""
    values = _judged(expectation, table)
    return 0 if values is None else int(values.isna().sum())


def _judged(expectation: Expectation, table: pd.DataFrame) -> pd.Series[Any] | None:
    """Return the values that an expectation of one column judges."""
    column = getattr(expectation, "column", None)
    if column not in table.columns:
        return None
    condition = getattr(expectation, "row_condition", None)
    if isinstance(condition, PassThroughCondition):
        table = table.query(condition.pass_through_filter)
    elif condition is not None:
        table = table.query(PandasExecutionEngine().condition_to_filter_clause(condition))
    values: pd.Series[Any] = table[column]
    return values


def _kept(expectation: Expectation, table: pd.DataFrame) -> str:
    """Say the numbers that kept a rule, or nothing where they are no numbers."""
    values = _judged(expectation, table)
    if values is None or not pd.api.types.is_numeric_dtype(values):
        return ""
    low, high = (_number(value.item()) for value in (values.min(), values.max()))
    return low if len(values) == 1 else f"{low} to {high} in {len(values)} rows"


def _broken(result: dict[str, Any], index: str | None) -> str:
    """Say which rows broke the rule; of a single row its value is enough."""
    values = result.get("partial_unexpected_list", [])[:MOST_EXAMPLES]
    if result["element_count"] == 1 and values:
        return _number(values[0])
    names = [item.get(index) for item in result.get("partial_unexpected_index_list") or [] if isinstance(item, dict)]
    shown = [
        f"{_number(value)} ({html.unescape(str(names[n]))})"
        if n < len(names) and names[n] is not None
        else _number(value)
        for n, value in enumerate(values)
    ]
    return _short(f"{result.get('unexpected_count', 0)} of {result['element_count']}: {', '.join(shown)}")


def _aggregate(result: dict[str, Any]) -> str:
    """Say the value that was observed, with what was missing or too much of a set."""
    parts = [_number(result.get("observed_value"))]
    details = result.get("details") or {}
    mismatched = details.get("mismatched") or {}
    for name, values in (
        ("without", result.get("partial_missing_list") or mismatched.get("missing")),
        ("with", result.get("partial_unexpected_list") or mismatched.get("unexpected")),
    ):
        if values:
            parts.append(f"{name} {', '.join(str(value) for value in values[:MOST_EXAMPLES])}")
    return _short("; ".join(parts))


def _bounds(expectation: Expectation) -> str:
    """Say a rule by its own arguments, where nobody put it in words."""
    given = expectation.configuration.kwargs
    hidden = {"row_condition", "condition_parser"}
    words = ", ".join(f"{name} {value}" for name, value in sorted(given.items()) if name not in hidden)
    return f"{expectation.expectation_type.removeprefix('expect_').replace('_', ' ')} ({words})"


def _number(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"({', '.join(_number(item) for item in value)})"
    return f"{value:.4g}" if isinstance(value, float) else "nothing" if value is None else _short(str(value))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
