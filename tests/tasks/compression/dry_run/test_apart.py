"""Dry runs whose process dies."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from featherline.tasks.compression.dry_run.apart import run_apart
from featherline.tasks.compression.dry_run.outcome import DryRunRequest
from featherline.tasks.contracts.candidate import Candidate

REQUEST = DryRunRequest(
    architecture=None,
    file="none",
    searched=None,
    candidates=(Candidate(name="first"), Candidate(name="second")),
    input_shape=(8, 8, 1),
    modalities={"image": "image"},
    outputs=4,
)

SCRIPT = """
import os, sys
from pathlib import Path
from featherline.tasks.compression.dry_run.outcome import NETWORK, Outcome, note, noted

folder = Path(sys.argv[1])
over = {outcome.trial for outcome in noted(folder) if outcome.state != "begun"}
for name in (NETWORK, "first", "second"):
    if name not in over:
        note(folder, Outcome(trial=name, state="begun"))
        if name == "first":
            os.kill(os.getpid(), SIGNAL)
        note(folder, Outcome(trial=name, state="works"))
"""


def program(tmp_path: Path, ends: str) -> tuple[str, str]:
    """Give a process of a dry run that dies by a signal in the first candidate's trial."""
    path = tmp_path / "tryout.py"
    path.write_text(SCRIPT.replace("SIGNAL", ends))
    return sys.executable, str(path)


@pytest.mark.parametrize(("ends", "state"), [("11", "fails"), ("6", "fails"), ("9", "unknown"), ("40", "unknown")])
def test_a_trial_that_kills_its_process_costs_its_own_candidate(tmp_path: Path, ends: str, state: str) -> None:
    """A fault is the candidate's, a kill from outside is nobody's, and what comes after is tried all the same."""
    outcomes = run_apart(REQUEST, program=program(tmp_path, ends))

    assert [(outcome.trial, outcome.state) for outcome in outcomes] == [
        ("the network", "works"),
        ("first", state),
        ("second", "works"),
    ]


def test_a_process_that_tries_nothing_is_a_crash() -> None:
    """An environment that cannot import what it needs is not taken for a network that works."""
    with pytest.raises(RuntimeError, match="ended with exit code 3"):
        run_apart(REQUEST, program=(sys.executable, "-c", "raise SystemExit(3)"))
