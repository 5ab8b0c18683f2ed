"""Verdicts: what a gate decided, kept for machines (JSON) and for people (one HTML page that opens offline).

    findings ──► [put_verdict] ──► page ──► verdict ──► VerdictRef
                                              │ closed
                                              └──► [shut_gate] ──► runs/<run_id>/verdicts/<gate>.json, and the refusal

The page is `verdict_page`. All gates use this module, so that all of them look and fail alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from featherline.tasks.contracts.measurement import Finding, Verdict
from featherline.tasks.contracts.references import ArchiveRef, PageRef, VerdictRef
from featherline.tasks.contracts.refusal import MOST_EXAMPLES, Problem, Refused
from featherline.tasks.judging.verdict_page import render
from featherline.tasks.running.context import Context
from featherline.tasks.store.artifacts import Store

Gate = Literal["data", "model", "metrics"]


def put_verdict(
    store: Store,
    gate: Gate,
    findings: Sequence[Finding],
    *,
    title: str,
    docs: ArchiveRef | None = None,
    told: Sequence[tuple[str, str]] = (),
) -> tuple[VerdictRef, Verdict]:
    """Decide, and store the verdict and its page.

    Args:
        store: Where both go.
        gate: Which one. `data` and `model` open when there is a finding and no critical one failed; `metrics` opens
            when at least one subject has a critical finding and failed none.
        findings: In the order in which they were made; the page shows the failed ones first.
        title: Of the page, such as "Data of digits".
        docs: Great Expectations' data docs.
        told: What the page tells of the subject beyond the rules, such as what was read of a source: what, and words.
    """
    passed = is_open(gate, findings)
    page = store.put_bytes(render(gate, findings, title=title, passed=passed, told=told).encode(), PageRef)
    verdict = Verdict(gate=gate, passed=passed, findings=tuple(findings), page=page, docs=docs)
    return store.put(verdict, VerdictRef), verdict


def is_open(gate: Gate, findings: Sequence[Finding]) -> bool:
    """Return whether these findings open the gate; no finding at all leaves it closed."""
    critical = [finding for finding in findings if finding.severity == "critical"]
    failed = {finding.subject for finding in critical if not finding.passed}
    if gate == "metrics":
        return bool({finding.subject for finding in critical} - failed)
    return bool(findings) and not failed


def shut_gate(context: Context, verdict: Verdict) -> Refused:
    """Leave the verdict in the run's folder, where the dashboard finds it, and return the refusal to raise.

    Returns:
        A problem for each failed critical finding, at most five; the last fix names the page with all of them.
    """
    context.store.blobs.replace(f"runs/{context.provenance.run_id}/verdicts/{verdict.gate}.json", verdict.to_json())
    failed = [finding for finding in verdict.findings if not finding.passed and finding.severity == "critical"]
    problems = [_problem(verdict, finding) for finding in failed[:MOST_EXAMPLES]]
    if len(failed) > MOST_EXAMPLES:
        problems.append(
            Problem(
                f"the {verdict.gate} gate has more to say",
                f"no failed rule, of {len(verdict.findings)}",
                f"{len(failed)} failed rules, {MOST_EXAMPLES} of them above",
                f"read {verdict.page.uri}",
            )
        )
    if not failed:
        problems.append(
            Problem(f"the {verdict.gate} gate stays closed", "at least one finding", "none", f"read {verdict.page.uri}")
        )
    return Refused(*problems)


def _problem(verdict: Verdict, finding: Finding) -> Problem:
    fix = f"{finding.fix}; all findings: {verdict.page.uri}" if finding.fix else f"read {verdict.page.uri}"
    return Problem(
        f"the {verdict.gate} gate refuses {finding.subject}: {finding.rule}", finding.expected, finding.got, fix
    )
