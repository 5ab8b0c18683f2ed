"""Validate data: the first gate. Nothing is trained on data that break a rule.

    samples, statistics, last accepted statistics ──► Great Expectations ──► Verdict ──► open: on, and into the ledger
                                                                                    └──► closed: refused, with the page

Drift is measured from the data set of the same recipe that was accepted before this one, so a first data set has none.
Great Expectations takes 3.5 s to import and well under a second to judge 60,000 examples.

    python -m featherline.tasks validate_data --request request.json --result result.json --store var/store

    request.json: {"inputs": {"data": <DatasetRef>}, "params": {"recipe": "digits"}}
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

import pandas as pd

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.measurement import Finding
from featherline.tasks.contracts.references import ArchiveRef
from featherline.tasks.contracts.steps.validate_data import ValidateDataInputs, ValidateDataOutputs, ValidateDataParams
from featherline.tasks.data.intake_words import intake_rows
from featherline.tasks.judging.data.evidence import (
    DataStatistics,
    channels_table,
    leaks,
    splits_table,
    statistics,
    strata_table,
)
from featherline.tasks.judging.data.rules import (
    COLUMNS,
    input_drift_rules,
    leak_rules,
    samples_rules,
    splits_rules,
    strata_drift_rules,
    strata_rules,
)
from featherline.tasks.judging.expectations import judge, zip_docs
from featherline.tasks.judging.verdicts import put_verdict, shut_gate
from featherline.tasks.modalities.opening import open_modality
from featherline.tasks.running.context import Context
from featherline.tasks.store import accepted


def validate_data(inputs: ValidateDataInputs, params: ValidateDataParams, context: Context) -> ValidateDataOutputs:
    """Judge a data set, and remember it where the gate opens.

    Raises:
        Refused: A critical rule is broken. The verdict also lies in the run's folder.
    """
    store = context.store
    dataset = store.read(inputs.data, Dataset)
    samples = pd.read_parquet(io.BytesIO(store.read_bytes(dataset.samples)))
    entry = accepted.previous(store, params.recipe, "data", inputs.data.sha256)
    before = DataStatistics.model_validate(entry.content) if entry else None
    with tempfile.TemporaryDirectory(prefix="featherline-") as folder:
        findings = find(samples, dataset, before, params, docs=Path(folder) if params.docs else None)
        docs = store.put_bytes(zip_docs(Path(folder)), ArchiveRef) if params.docs else None
    ref, verdict = put_verdict(
        store, "data", findings, title=f"Data of {dataset.name}", docs=docs, told=intake_rows(dataset)
    )
    failed = sum(not finding.passed for finding in findings)
    compared = f"compared with {entry.subject[:12]}" if entry else "the first of its recipe"
    print(f"validate_data: {len(findings)} rules, {failed} failed; {len(samples):,} samples, {compared}")
    if not verdict.passed:
        raise shut_gate(context, verdict)
    accepted.accept(store, params.recipe, "data", inputs.data.sha256, statistics(dataset).model_dump(mode="json"))
    return ValidateDataOutputs(data=inputs.data, verdict=ref)


def find(
    samples: pd.DataFrame,
    dataset: Dataset,
    before: DataStatistics | None,
    params: ValidateDataParams,
    *,
    docs: Path | None = None,
) -> tuple[Finding, ...]:
    """Return what every rule finds; where the samples lack columns or rows, only what the samples' own rules find.

    Args:
        samples: A row for each example of each split.
        dataset: Whose samples they are.
        before: The last accepted data set of the recipe.
        params: The rules.
        docs: Where Great Expectations writes its pages, a folder for each table.
    """
    place = {name: docs / name if docs else None for name in ("samples", "splits", "leaks", "strata", "channels")}
    now = statistics(dataset)
    same_kind = before is not None and now.kind == before.kind
    rules = [
        *samples_rules(dataset, limits_of(dataset)),
        *(strata_drift_rules(before, params) if before and same_kind else []),
    ]
    found = judge(samples, rules, suite="samples", index="sha256", docs_folder=place["samples"])
    if samples.empty or not set(COLUMNS) <= set(samples.columns):
        return found
    splits = splits_table(samples, dataset)
    found += judge(splits, splits_rules(params), suite="splits", index="split", docs_folder=place["splits"])
    shared = leaks(samples)
    pairs = pd.DataFrame({"pair": [leak.pair for leak in shared], "examples": [len(leak.digests) for leak in shared]})
    found += judge(pairs, leak_rules(shared, params), suite="leaks", index="pair", docs_folder=place["leaks"])
    strata = strata_table(samples, dataset)
    found += judge(strata, strata_rules(params), suite="strata", index="stratum", docs_folder=place["strata"])
    if before is None:
        return found
    if not same_kind:
        return (*found, _of_another_kind(now, before))
    channels = channels_table(now, before)
    return found + judge(
        channels, input_drift_rules(params), suite="channels", index="channel", docs_folder=place["channels"]
    )


def limits_of(dataset: Dataset) -> dict[str, tuple[float, float]]:
    """Return the lowest and the highest value of each column that the inputs' modalities count."""
    return {
        f"{name}_{column}": ends
        for name, spec in dataset.inputs.items()
        for column, ends in open_modality(spec.modality).limits(spec).items()
    }


def _of_another_kind(now: DataStatistics, before: DataStatistics) -> Finding:
    """Return the finding that data of other strata or inputs cannot be compared."""
    said = [
        f"{len(item.strata)} strata ({', '.join(item.strata[:5])}…), "
        + ", ".join(f"{channels} channels of {name}" for name, channels in item.kind[1].items())
        for item in (before, now)
    ]
    return Finding(
        rule="same_kind",
        subject="strata and channels",
        passed=False,
        expected=f"those of the last accepted data: {said[0]}",
        got=said[1],
        fix="restore them, or give the recipe a new name, whose history begins anew",
    )
