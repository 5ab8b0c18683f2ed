"""The specification of `planning.yaml_text`: what recipes may be written in, and all else of YAML refused by line."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.planning.recipes import read_recipe
from featherline.tasks.planning.yaml_text import MOST_BYTES, read_yaml

SOUND: tuple[tuple[str | bytes, Any], ...] = (
    ("a: 1\nb: [2.5, x]\n", {"a": 1, "b": [2.5, "x"]}),
    ("a: 1e-4\nb: -1E3\nc: .5\nd: 1_000\ne: 0x10", {"a": 0.0001, "b": -1000.0, "c": 0.5, "d": 1000, "e": 16}),
    ("a: yes\nb: off\nc: 'no'\nd: ~\ne:", {"a": True, "b": False, "c": "no", "d": None, "e": None}),
    ("a: '010'\nb: \"1:30\"\nc: '2001-01-01'", {"a": "010", "b": "1:30", "c": "2001-01-01"}),
    ("a: 2.3.0\nb: 3d\nc: s3://x/y\nd: -x", {"a": "2.3.0", "b": "3d", "c": "s3://x/y", "d": "-x"}),
    ("a: &x {p: 1, q: 2}\nb: {<<: *x, p: 3}", {"a": {"p": 1, "q": 2}, "b": {"p": 3, "q": 2}}),
    ("a: [&x {p: 1}, &y {p: 2, q: 2}]\nc: {<<: [*x, *y]}", {"a": [{"p": 1}, {"p": 2, "q": 2}], "c": {"p": 1, "q": 2}}),
    (b"\xef\xbb\xbfa: stra\xc3\x9fe", {"a": "straße"}),
    ("a: |\n  one\n  two\n", {"a": "one\ntwo\n"}),
    ("# nothing\n", None),
)  # fmt: skip


@pytest.mark.parametrize(("text", "value"), SOUND)
def test_plain_yaml_is_read(text: str | bytes, value: Any):
    """Mappings, lists, text, numbers, truths, anchors and merges mean what they mean everywhere."""
    assert read_yaml(text, "recipe x", "x.yaml") == value


def test_no_part_is_there_twice():
    """What an anchor stands for is copied, so that an override of one place leaves the others."""
    found = read_yaml("a: &x {p: [1]}\nb: *x\nc: {<<: *x}", "recipe x", "x.yaml")

    found["b"]["p"].append(2)

    assert found == {"a": {"p": [1]}, "b": {"p": [1, 2]}, "c": {"p": [1]}}


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 10)}]\n" for n in range(9)
)
TEXT_BOMB = f"a: &a {'x' * 500_000}\nb: [{', '.join(['*a'] * 10_000)}]\n"
FAULTY: dict[str, tuple[str | bytes, str, str]] = {
    "a key twice": ("a: 1\nb: 2\na: 3", "a again at line 3", "each key once"),
    "a key twice inside": ("a: {b: 1, b: 2}", "b again at line 1", "each key once"),
    "a number as key": ("1: a", "1, a number at line 1", "keys that are text"),
    "a truth as key": ("on: a", "on, a Boolean at line 1", "keys that are text"),
    "nothing as key": ("~: a", "~, a null", "keys that are text"),
    "a list as key": ("? [a]\n: b", "a list or a section as key", "keys that are text"),
    "an octal number": ("a: 010", "010 at line 1, column 4", "no leading 0"),
    "digits with a leading 0": ("a: [00, 08]", "00 at line 1", "no leading 0"),
    "a number by sixty": ("a: 1:30", "1:30 at line 1", "no : between digits"),
    "a date": ("a: 2001-01-01", "2001-01-01 at line 1", "no date"),
    "no date": ("a: 2001-99-99", "2001-99-99 at line 1", "no date"),
    "no number": ("a: .nan", ".nan at line 1", "numbers that are finite"),
    "an endless number": ("a: [1, -.inf]", "-.inf at line 1", "numbers that are finite"),
    "too large a number": ("a: 1e400", "1e400 at line 1", "numbers that are finite"),
    "too many digits": ("a: " + "9" * 4300, "99999", "whole numbers from"),
    "a tag": ("a: !!int abc", "tag:yaml.org,2002:int", "values without a tag"),
    "a tag of Python": ("a: !!python/object/apply:os.system [ls]", "python/object", "values without a tag"),
    "a tag of one's own": ("a: !x {}", "!x", "values without a tag"),
    "bytes": ("a: !!binary aGk=", "binary", "values without a tag"),
    "a set": ("a: !!set {b, c}", "set", "values without a tag"),
    "a merge of no section": ("a: {<<: 3}", "3 at line 1", "a section after <<"),
    "two documents": ("a: 1\n---\nb: 2", "a second one at line 2", "one document"),
    "an anchor that is nowhere": ("a: *b", "*b at line 1", "an anchor above"),
    "an anchor in itself": ("a: &a [*a]", "*a at line 1", "do not hold themselves"),
    "sections without end": ("[" * 100_000, "more at line 1", "at most 32 sections"),
    "a bomb of anchors": (BOMB, "more at line 5", "at most 30,000 values"),
    "a bomb of text": (TEXT_BOMB, "more at line 2", "at most 30,000 values"),
    "a million values": ("[" + "a," * 499_000 + "]", "more at line 1", "at most 30,000 values"),
    "too many bytes": ("#" * (MOST_BYTES + 1), "1,000,001 bytes", "at most 1,000,000 bytes"),
    "Latin-1": ("a: 1\nb: caf\xe9".encode("latin-1"), "the byte 0xe9 in line 2", "UTF-8"),
    "UTF-16": ("a: 1".encode("utf-16"), "the byte 0xff", "UTF-8"),
    "a NUL": ("a: \0", "control characters", "YAML 1.1"),
    "half a character": ('a: "\\ud800"', "invalid Unicode character escape", "YAML 1.1"),
    "a byte of the command line": ("a\udcff: 1", "\\udcff", "UTF-8"),
    "a tab": ("a:\n\t- b", "line 2", "YAML 1.1"),
    "an open bracket": ("a: [1", "line 2", "YAML 1.1"),
}


@pytest.mark.parametrize(("text", "got", "expected"), FAULTY.values(), ids=FAULTY.keys())
def test_the_rest_of_yaml_is_refused_with_its_line(text: str | bytes, got: str, expected: str):
    """Each is named with its place and what to do, at once, whatever its size."""
    started = time.process_time()

    with pytest.raises(Refused) as refusal:
        read_yaml(text, "recipe x", "x.yaml")

    assert time.process_time() - started < 1
    assert got in refusal.value.problems[0].got
    assert expected in refusal.value.problems[0].expected
    assert "x.yaml" in refusal.value.problems[0].fix


def test_what_is_no_file_is_refused(tmp_path: Path):
    """A pipe would be waited for without end, and a folder is no text."""
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")

    for name in ("pipe", "folder", "gone"):
        with pytest.raises(Refused, match="cannot be read"):
            read_recipe(tmp_path, name, {})


@pytest.mark.parametrize("text", ["", "- a\n", "abc", "3"])
def test_a_recipe_is_a_section(tmp_path: Path, text: str):
    """A list, a word, nothing at all are no recipe."""
    (tmp_path / "any.yaml").write_text(text)

    with pytest.raises(Refused, match="recipe any has no keys"):
        read_recipe(tmp_path, "any", {})
