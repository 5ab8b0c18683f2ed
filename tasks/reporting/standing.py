"""Where the winner stands, said before anything else: proven and ready, or borderline, and who decides.

selection, the recipe's policy ──► Standing: the word on top of the page, and its colour
"""

from __future__ import annotations

from typing import NamedTuple

from featherline.tasks.contracts.steps.report import ReportParams
from featherline.tasks.reporting.facts import Facts

DECIDES = {"borderline": "a person decides", "always": "a person decides"}
"""Who decides on a borderline winner, by the recipe's `release.approve`."""


def sentence(facts: Facts, headline: str) -> str:
    """Return the run in one sentence: what won and what it gained, or why nothing did."""
    if facts.nothing:
        return f"nothing released, because {facts.nothing}"
    first = "borderline: " if facts.borderline or facts.doubts else ""
    return f"{first}{facts.winner.name} wins: {headline}"


class Standing(NamedTuple):
    """What is to be thought of the winner."""

    kind: str
    """`good`, `warn` or `fail`, the page's own."""
    words: str


def standing(facts: Facts, params: ReportParams) -> Standing:
    """Return the winner's standing. What is not proven is never called ready."""
    if facts.nothing:
        return Standing("fail", "nothing released")
    if facts.doubts:
        nobody = "the recipe accepts that" if params.accept_unproven else "it stays a challenger"
        found = f"borderline: {facts.samples} test images cannot prove it; {DECIDES.get(params.approve, nobody)}"
        return Standing("warn", found)
    if facts.borderline:
        decides = DECIDES.get(params.approve, "the recipe asks nobody")
        return Standing("warn", f"borderline: close to a rule; {decides}")
    if params.approve == "always":
        return Standing("good", "gate open: a person decides")
    return Standing("good", "gate open: ready to release")
