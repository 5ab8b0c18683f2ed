"""The specification of what the command line prints of foreign words: a terminal shows them and obeys none."""

from __future__ import annotations

import io
from contextlib import ExitStack

import pytest
from rich.table import Table

from featherline import failures
from featherline.airflow_client import TaskState
from featherline.board import Entry
from featherline.follow import Ended, LineScreen, TableScreen
from featherline.screen import SafeConsole
from featherline.tasks.contracts.request import StepRecord

HOSTILE = "\x1b[2J\x9b31m[red]cat[/red] [link=http://evil]x[/link] :smile: \u202e\r\udc80"
SHOWN = "\\x1b[2J\\x9b31m[red]cat[/red] [link=http://evil]x[/link] :smile: \\u202e\\r\\udc80"


@pytest.fixture
def sheet() -> io.TextIOWrapper:
    """Give a terminal that knows ASCII alone."""
    return io.TextIOWrapper(io.BytesIO(), encoding="ascii")


def told(sheet: io.TextIOWrapper) -> str:
    """Return what the terminal was given."""
    sheet.flush()
    sheet.seek(0)
    return sheet.read()


def test_a_string_is_printed_as_it_reads(sheet: io.TextIOWrapper):
    """Neither rich's markup nor an escape sequence of a name reaches the terminal, printed in any way."""
    console = SafeConsole(sheet, width=200)
    table = Table(HOSTILE, box=None)
    table.add_row(HOSTILE)

    console.print(HOSTILE)
    console.out(HOSTILE)
    console.print(table)

    lines = told(sheet).splitlines()
    assert [line.strip() for line in lines] == [SHOWN] * 4


def test_a_run_is_followed_with_its_names_seen(sheet: io.TextIOWrapper):
    """The table that changes in place, and the lines of a log, show a label from Airflow as it reads."""
    board = {("train", HOSTILE): Entry("train", HOSTILE, "runs", 2.0), ("load", ""): Entry(HOSTILE, "", HOSTILE, 1.0)}
    terminal = SafeConsole(sheet, width=400, force_terminal=True, color_system=None)

    LineScreen(SafeConsole(sheet, width=400)).show(board, 1.0)
    with ExitStack() as stack:
        TableScreen(stack, terminal, HOSTILE).show(board, 1.0)

    text = told(sheet)
    assert "\x1b[2J" not in text
    assert "\x9b" not in text
    assert text.count("\\x1b[2J\\x9b31m[red]cat[/red]") >= 4


def test_what_failed_is_told_in_four_parts_whatever_it_says():
    """A step's own record of a refusal is drawn as a refusal, and no part of it draws another."""
    task = TaskState("load", -1, "", "failed", 1, 1.0, "")
    problem = {"what": "load\nrefused", "expected": HOSTILE, "got": "a\n  fix  b", "fix": "c"}
    record = StepRecord(step="load", label="", status="refused", seconds=1.0, problems=(problem,))

    found = failures.what_failed(None, "run", Ended("failed", 1.0, (task,)), {("load", ""): record})  # type: ignore[arg-type]

    assert found["load", ""][1].split("\n") == [
        "load\\nrefused",
        f"  expected  {SHOWN}",
        "  got       a\\n  fix  b",
        "  fix       c",
    ]
