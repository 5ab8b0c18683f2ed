"""Expectations: Great Expectations over a table, with every way to pass by accident closed.

    table + expectations ──► [judge] ──► one finding for each expectation, in the same order

Great Expectations lets a NaN and an empty table pass, and reports a missing column apart from a failure. Here all of
them fail. What a finding says to people comes from the expectation's `meta`:

    ExpectColumnValuesToBeBetween(
        column="accuracy", min_value=0.9, severity="critical",
        meta={"rule": "min_accuracy", "subject": "int8", "expected": "accuracy >= 0.9 (gate.min_accuracy)", "fix": "…"},
    )

Importing this module takes 3.5 s (Great Expectations); nothing is sent anywhere.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from tasks.contracts.artifacts import Finding
from tasks.contracts.refusal import MOST_EXAMPLES

os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read when it is imported
import great_expectations as gx
from great_expectations.expectations.expectation import (
    ColumnMapExpectation,
    ColumnPairMapExpectation,
    Expectation,
    MulticolumnMapExpectation,
)

MAPS = (ColumnMapExpectation, ColumnPairMapExpectation, MulticolumnMapExpectation)
"""Expectations of every row; the others are of a column or the table as a whole."""

POSITION = "position"
"""The key of `meta` by which results, which come sorted otherwise, find their expectation."""

LONGEST = 200
"""Characters of a value in a finding."""


def judge(
    table: pd.DataFrame,
    expectations: Sequence[Expectation],
    *,
    suite: str,
    index: str | None,
    docs_folder: Path | None = None,
) -> tuple[Finding, ...]:
    """Judge a table and return one finding for each expectation, in their order.

    Args:
        table: Of pandas' own types.
        expectations: Their `meta` may hold `rule`, `subject`, `expected`, `fix` and `margin` for the finding, and
            `nulls_allowed: True` where an absent value is fine. A `row_condition` is a string for pandas.
        suite: Its name, for the data docs.
        index: The column that names a row, in what a finding says of the rows that broke the rule.
        docs_folder: Where Great Expectations writes its own pages (4 MB, about a second), if anywhere.

    Returns:
        A finding fails where the rule is broken, where a value that it judges is null or NaN, where the column is
        missing or the expectation crashed, and where there are no rows, in the table or under its `row_condition`.
    """
    if not expectations:
        return ()
    if table.empty:
        return tuple(_finding(expectation, passed=False, got="a table without rows") for expectation in expectations)
    marked = [item.copy(update={"meta": {**(item.meta or {}), POSITION: n}}) for n, item in enumerate(expectations)]
    results = _run(table, marked, suite, index if index in table.columns else None, docs_folder)
    findings = []
    for position, expectation in enumerate(expectations):
        passed, got = _outcome(expectation, results[position], table, index) if position in results else (False, "")
        findings.append(_finding(expectation, passed=passed, got=got or "no result"))
    return tuple(findings)


def zip_docs(folder: Path) -> bytes:
    """Return a folder of data docs as a zip, with every entry's time fixed so that equal files give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(item for item in folder.rglob("*") if item.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), (1980, 1, 1, 0, 0, 0))
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _run(
    table: pd.DataFrame, expectations: list[Any], suite: str, index: str | None, docs_folder: Path | None
) -> dict[int, dict[str, Any]]:
    """Return the results of Great Expectations by the position of their expectation."""
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    batch = context.data_sources.add_pandas("tables").add_dataframe_asset(suite)
    definition = context.validation_definitions.add(
        gx.ValidationDefinition(
            name=suite,
            data=batch.add_batch_definition_whole_dataframe("whole"),
            suite=context.suites.add(gx.ExpectationSuite(name=suite, expectations=expectations)),
        )
    )
    result_format: dict[str, Any] = {"result_format": "COMPLETE"}
    if index is not None:
        result_format["unexpected_index_column_names"] = [index]
    if docs_folder is None:
        run = definition.run(batch_parameters={"dataframe": table}, result_format=result_format)
    else:
        run = _run_with_docs(context, definition, table, result_format, docs_folder)
    items = (item.to_json_dict() for item in run.results)
    return {item["expectation_config"]["meta"][POSITION]: item for item in items}


def _run_with_docs(context: Any, definition: Any, table: Any, result_format: Any, folder: Path) -> Any:  # noqa: ANN401 - GX's own types
    context.delete_data_docs_site("local_site")
    backend = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder.resolve())}
    context.add_data_docs_site(
        "pages",
        {
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            "store_backend": backend,
        },
    )
    checkpoint = gx.Checkpoint(name="gate", validation_definitions=[definition], result_format=result_format)
    outcome = context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": table})
    context.build_data_docs(site_names=["pages"])
    return next(iter(outcome.run_results.values()))


def _outcome(
    expectation: Expectation, answer: dict[str, Any], table: pd.DataFrame, index: str | None
) -> tuple[bool, str]:
    """Return whether the rule holds, and the value met in words."""
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
    condition = getattr(getattr(expectation, "row_condition", None), "pass_through_filter", None)
    rows = table if condition is None else table.query(condition)
    values: pd.Series[Any] = rows[column]
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
        f"{_number(value)} ({names[n]})" if n < len(names) and names[n] is not None else _number(value)
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


def _finding(expectation: Expectation, *, passed: bool, got: str) -> Finding:
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
