"""What opens a gate, what is stored of it, and what a person reads."""

from __future__ import annotations

import re

import pytest

from featherline.tasks.contracts.measurement import Finding, Verdict
from featherline.tasks.judging.verdict_page import render
from featherline.tasks.judging.verdicts import Gate, is_open, put_verdict, shut_gate
from featherline.tasks.running.context import Context
from featherline.tasks.store.artifacts import Store


def finding(subject: str = "int8", *, passed: bool = True, severity: str = "critical", **changes: str) -> Finding:
    """Return a finding on a subject."""
    given = {"rule": "floor", "subject": subject, "expected": "0.9", "got": "0.8", "fix": "train longer", **changes}
    return Finding.model_validate({**given, "passed": passed, "severity": severity})


@pytest.mark.parametrize(
    ("gate", "findings", "opens"),
    [
        ("data", [], False),
        ("metrics", [], False),
        ("data", [finding()], True),
        ("data", [finding(), finding(passed=False)], False),
        ("data", [finding(), finding(passed=False, severity="warning")], True),
        ("model", [finding("a"), finding("b", passed=False)], False),
        ("metrics", [finding("a"), finding("b", passed=False)], True),
        ("metrics", [finding("a"), finding("a", passed=False)], False),
        ("metrics", [finding("a", severity="warning")], False),
    ],
)
def test_a_gate_opens_only_for_a_reason(gate: Gate, findings: list[Finding], opens: bool):
    """Data and model: a finding and no failed critical one. Metrics: a candidate whose critical ones all passed."""
    assert is_open(gate, findings) is opens


def test_the_verdict_and_its_page_are_in_the_store(store: Store):
    """The reference leads to the verdict, and the verdict to its page."""
    ref, verdict = put_verdict(store, "data", [finding()], title="Data of digits")

    assert store.read(ref, Verdict) == verdict
    assert verdict.passed
    assert b"The data gate is open." in store.read_bytes(verdict.page)


def test_equal_findings_give_the_same_verdict(store: Store):
    """A verdict holds no times, so that judging again is a hit."""
    first, _ = put_verdict(store, "data", [finding()], title="Data of digits")
    second, _ = put_verdict(store, "data", [finding()], title="Data of digits")

    assert first == second


def test_the_page_shows_what_failed_first(store: Store):
    """Critical failures come before warnings, and those before what passed."""
    findings = [
        finding("passed-one"),
        finding("warned-one", passed=False, severity="warning"),
        finding("failed-one", passed=False),
    ]

    _, verdict = put_verdict(store, "data", findings, title="Data of digits")

    page = store.read_bytes(verdict.page).decode()
    assert page.index("failed-one") < page.index("warned-one") < page.index("passed-one")


def test_the_page_escapes_what_it_shows(store: Store):
    """A class name that looks like HTML is text."""
    _, verdict = put_verdict(store, "data", [finding("<script>alert(1)</script>")], title="<b>")

    page = store.read_bytes(verdict.page).decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_the_page_needs_no_network(store: Store):
    """It links to nothing and loads nothing."""
    _, verdict = put_verdict(store, "data", [finding(passed=False)], title="Data of digits")

    page = store.read_bytes(verdict.page).decode()
    assert not [word for word in ("http:", "https:", "src=", "href=", "url(", "@import") if word in page]


def test_a_shut_gate_refuses_with_each_failed_rule(store: Store, context: Context):
    """The refusal holds a problem a failed critical finding, which names the page."""
    findings = [finding("test", passed=False), finding("train"), finding("x", passed=False, severity="warning")]
    _, verdict = put_verdict(store, "data", findings, title="Data of digits")

    refusal = shut_gate(context, verdict)

    (problem,) = refusal.problems
    assert problem.what == "the data gate refuses test: floor"
    assert (problem.expected, problem.got) == ("0.9", "0.8")
    assert problem.fix == f"train longer; all findings: {verdict.page.uri}"


def test_a_shut_gate_leaves_its_verdict_in_the_run(store: Store, context: Context):
    """The run's folder holds the verdict, although the step has no result."""
    _, verdict = put_verdict(store, "data", [finding(passed=False)], title="Data of digits")

    shut_gate(context, verdict)

    assert store.blobs.read("runs/by-hand/verdicts/data.json") == verdict.to_json()


def test_a_refusal_stays_short(store: Store, context: Context):
    """Of seven failed rules five are told, and a sixth problem says how many there are."""
    _, verdict = put_verdict(store, "data", [finding(str(n), passed=False) for n in range(7)], title="Data")

    refusal = shut_gate(context, verdict)

    assert len(refusal.problems) == 6
    assert refusal.problems[-1].got == "7 failed rules, 5 of them above"


def test_a_gate_without_findings_says_so(store: Store, context: Context):
    """No finding is a problem of its own."""
    _, verdict = put_verdict(store, "model", [], title="Model")

    (problem,) = shut_gate(context, verdict).problems

    assert (problem.expected, problem.got) == ("at least one finding", "none")


def test_the_page_is_whole_on_paper_and_by_keyboard() -> None:
    """Its tables are no wider than the paper, and each scroll area takes the focus and has a name."""
    findings = [finding(), finding(passed=False)]

    page = render("metrics", findings, title="Candidates", passed=True)

    paper = page[page.index("@media print {") : page.index("</style>")]
    assert "overflow: visible" in paper
    assert "min-width: 0" in paper
    assert re.findall(r'<div class="scroll"([^>]*)>', page) == [
        f' tabindex="0" role="region" aria-label="{name}"' for name in ("What failed", "What passed")
    ]


def test_the_page_tells_what_there_is_to_know_of_the_subject(store: Store):
    """Such as what was read of a source; names from it are no markup."""
    _, verdict = put_verdict(store, "data", [finding()], title="Data", told=[("left out", "a file <b>.heic</b>: 3")])

    page = store.read_bytes(verdict.page).decode()
    assert "What was read, and what was left out" in page
    assert "a file &lt;b&gt;.heic&lt;/b&gt;: 3" in page
