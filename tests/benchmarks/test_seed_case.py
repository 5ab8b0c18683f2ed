"""The benchmark of the README knows what is to be made, how long it takes, and what was made by other parameters."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.seed_case import making
from benchmarks.seed_case.rows import ROWS
from benchmarks.seed_case.schedule import Job, announce, hours


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty folder for what is made."""
    monkeypatch.setattr(making, "FILES", tmp_path)
    return tmp_path


def test_a_file_of_other_parameters_is_made_again(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was made with the parameters of today counts, until one of them changes."""
    note = {"parameters": ROWS["narrow-10x"].parameters}
    (files / "narrow-10x.json").write_text(json.dumps(note))

    before = making.made("narrow-10x", 0), making.made("narrow-10x", 1)
    other = replace(ROWS["narrow-10x"], prune=ROWS["narrow-10x"].prune | {"keep_parameters": 0.5})
    monkeypatch.setitem(ROWS, "narrow-10x", other)

    assert before == (True, False)
    assert not making.made("narrow-10x", 0)


def test_a_night_suffices_for_one_seed() -> None:
    """All rows with one seed take at most eight hours on two cores, by the minutes that each row says."""
    assert hours([Job(name, 0) for name in ROWS], 2) <= 8


def test_the_plan_names_what_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is there costs nothing; the others say their minutes."""
    made, missing = Job("narrow-10x", 0), Job("narrow-12x", 0)

    announce([made, missing], [missing])

    said = capsys.readouterr().out.splitlines()
    assert "2 files, 1 to make" in said[0]
    assert said[1].split() == ["narrow-10x", "(seed", "0)", "is", "there"]
    assert said[2].split()[-1] == "min"


def test_controls_learn_as_long_as_what_they_control() -> None:
    """The controls have the epochs, the views and the teacher of the pruned 10x."""
    ours, control = ROWS["narrow-10x"], ROWS["scratch-scaled"]

    assert control.epochs == ours.epochs
    assert control.quantize == ours.quantize
    assert control.distill["distillation"] == ours.prune["distillation"]
    same = {"learning_rate"}  # a network of fresh weights learns at its own rate
    fits = [
        {key: value for key, value in fit.items() if key not in same}
        for fit in (ours.prune["fit"], control.distill["fit"])
    ]
    assert fits[0] == fits[1]
