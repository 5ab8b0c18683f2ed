"""Expectations: Great Expectations over a table, with every way to pass by accident closed.

    table + expectations ──► [judge] ──► one finding for each expectation, in the same order

Great Expectations lets a NaN and an empty table pass, and reports a missing column apart from a failure. Here all of
them fail. What a finding says to people comes from the expectation's `meta`:

    ExpectColumnValuesToBeBetween(
        column="quality", min_value=0.9, severity="critical",
        meta={"rule": "min_quality", "subject": "int8", "expected": "quality >= 0.9 (gate.min_quality)", "fix": "…"},
    )

Importing this module takes 3.5 s: that is Great Expectations.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import great_expectations as gx
import pandas as pd
from great_expectations.expectations.expectation import Expectation

from featherline.tasks.contracts.measurement import Finding
from featherline.tasks.contracts.safe_text import html_text
from featherline.tasks.judging.findings import finding, outcome

POSITION = "position"
"""The key of `meta` by which results, which come sorted otherwise, find their expectation."""


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
            `nulls_allowed: True` where an absent value is fine.
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
        return tuple(finding(expectation, passed=False, got="a table without rows") for expectation in expectations)
    marked = [item.copy(update={"meta": {**(item.meta or {}), POSITION: n}}) for n, item in enumerate(expectations)]
    results = _run(_named(table, index), marked, suite, index if index in table.columns else None, docs_folder)
    findings = []
    for position, expectation in enumerate(expectations):
        passed, got = outcome(expectation, results.get(position), table, index)
        findings.append(finding(expectation, passed=passed, got=got))
    return tuple(findings)


def zip_docs(folder: Path) -> bytes:
    """Return a folder of data docs as a zip, with every entry's time fixed so that equal files give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(item for item in folder.rglob("*") if item.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), (1980, 1, 1, 0, 0, 0))
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _named(table: pd.DataFrame, index: str | None) -> pd.DataFrame:
    """Return the table with the names of its rows as HTML shows them: Great Expectations' pages take them as markup."""
    if index is None or index not in table.columns or pd.api.types.is_numeric_dtype(table[index]):
        return table
    return table.assign(**{index: [html_text(name, None) if isinstance(name, str) else name for name in table[index]]})


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
