"""The command line's own rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from featherline.cli import main
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.planning.overrides import settings


def test_a_setting_is_yaml():
    """Numbers, lists, mappings and null are what they look like; only the first = divides."""
    found = settings(["train.epochs=3", "model.options={depth: 8}", "candidates.int8=null", "data.source=a=b"])

    assert found == {
        "train.epochs": 3,
        "model.options": {"depth": 8},
        "candidates.int8": None,
        "data.source": "a=b",
    }


@pytest.mark.parametrize(
    "setting", ["train.epochs", "=3", "train.epochs=[1", "train.epochs=010", "a=!!int b", "a=\x1b"]
)
def test_a_setting_without_key_or_value_is_refused(setting: str):
    """No key, no sign, and YAML that a recipe may not hold either, are told with the setting."""
    with pytest.raises(Refused, match="--set"):
        settings([setting])


def test_a_setting_is_given_once():
    """Of two values for one key neither is the one that was meant."""
    with pytest.raises(Refused, match=r"--set has train\.epochs twice"):
        settings(["train.epochs=3", "train.epochs=4"])


@pytest.mark.parametrize("words", [["run", "digits"], ["status"], ["rollback", "digits"]])
def test_a_verb_that_needs_the_stack_says_so(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """Exit code 65, four parts, and how to start it; no traceback."""
    monkeypatch.setenv("FEATHERLINE_VAR", str(tmp_path))

    code = main(words)

    told = capsys.readouterr().err.splitlines()
    assert code == 65
    assert told[0] == "the stack is not up"
    assert [line.split()[0] for line in told[1:]] == ["expected", "got", "fix"]
    assert told[3].split(maxsplit=1)[1] == "make up"


def test_down_on_nothing_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """It may be called at any time."""
    monkeypatch.setenv("FEATHERLINE_VAR", str(tmp_path))

    assert main(["down"]) == 0
    assert capsys.readouterr().out.strip() == "the stack was not up"
