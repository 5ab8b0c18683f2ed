"""The command line's own rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from featherline.cli import main, overrides
from tasks.contracts.refusal import Refused


def test_a_setting_is_yaml():
    """Numbers, lists, mappings and null are what they look like; only the first = divides."""
    found = overrides(["train.epochs=3", "model.options={depth: 8}", "candidates.int8=null", "data.source=a=b"])

    assert found == {
        "train.epochs": 3,
        "model.options": {"depth": 8},
        "candidates.int8": None,
        "data.source": "a=b",
    }


@pytest.mark.parametrize("setting", ["train.epochs", "=3", "train.epochs=[1"])
def test_a_setting_without_key_or_value_is_refused(setting: str):
    """No key, no sign and broken YAML are told with the setting itself."""
    with pytest.raises(Refused) as refused:
        overrides([setting])

    assert refused.value.problems[0].got == setting


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
