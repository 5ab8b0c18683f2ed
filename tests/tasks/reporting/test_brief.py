"""What a person reads who is asked to approve."""

from __future__ import annotations

from collections.abc import Callable

from featherline.tasks.contracts.steps.report import ReportInputs
from featherline.tasks.reporting.brief import render_brief
from featherline.tasks.reporting.facts import gather
from featherline.tasks.running.context import Context


def test_the_brief_compares_three_files(context: Context, told: Callable[..., ReportInputs]):
    """Float baseline, champion and challenger stand in one table, each number with its unit."""
    lines = render_brief(gather(told(), context)).splitlines()

    assert [line.split("|")[1].strip() for line in lines[2:5]] == [
        "float baseline",
        "champion, version 3",
        "challenger, pruned-int8",
    ]
    assert "15.3 kB" in lines[4]
    assert "0.015 ms" in lines[4]
    assert "610 k" in lines[4]
    assert "5.20 kB" in lines[4]
    assert {line.count("|") for line in lines[:5]} == {7}
    assert lines[-1].startswith("Accuracy lost against the champion: ")


def test_the_brief_says_that_there_is_no_champion(context: Context, told: Callable[..., ReportInputs]):
    """The first release has nothing to be compared with."""
    text = render_brief(gather(told(with_champion=False), context))

    assert "| champion" not in text
    assert text.endswith("There is no champion to compare with.")
