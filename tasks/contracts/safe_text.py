r"""Foreign text made safe for where it is shown: a terminal, a log, HTML, Markdown, a plot.

    name of a file, a class, a layer; message of a library; answer of a server
        ──► visible        one line of a terminal or a log
        ──► visible_lines  a text of several lines, such as a log
        ──► html_text      between tags, and in a quoted attribute
        ──► markdown_text  a cell, a heading, a sentence
        ──► plot_text      matplotlib, which reads `$` as mathematics

Every character that a reader would not see, or that moves, recolours or turns round what stands beside it, is written
as Python writes it: `\x1b`, `\u202e`. Foreign text that goes into a sentence is one line and not endless, so that it
cannot pass for a line of ours.
"""

from __future__ import annotations

import contextlib
import html
import re
import sys
import traceback
import unicodedata
from collections.abc import Iterator
from typing import IO, Any, cast

LONGEST_NAME_SHOWN = 200
"""Characters of a name or a value."""
LONGEST_LINE_SHOWN = 2_000
"""Characters of a message: addresses and lists of known names are long."""
MOST_MARKS = 4
"""Combining marks over one letter; hundreds of them, stacked, paint over the lines above."""

BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]")
"""Characters that Unicode counts as letters or marks and that nobody sees."""
MARKDOWN_START = re.compile(r"^(\d{0,9})([-+=.])(?=[-+=.\s]|$)")
"""What makes a list, a heading or a rule of a line that it begins."""
MARKDOWN_CODE = re.compile(r"[\w .,:;=/+@%-]+")
"""What can stand between backticks, in a table too."""
MARKDOWN = {character: f"\\{character}" for character in r"\`*_{}[]()#!~"} | {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "|": "&#124;",
    "$": "&#36;",
    ":": "&#58;",
    "@": "&#64;",
}
"""How to write what Markdown would obey. Every dialect takes the first row literally after a backslash; what ends a
cell, opens a tag or a formula, or makes a link of an address is told by number, as dialects differ there."""


def visible(text: object, longest: int | None = LONGEST_NAME_SHOWN) -> str:
    r"""Return `text` as one line on which every character can be seen and printed.

    Args:
        text: Anything; what is no string is made one.
        longest: Characters to keep at most; of more the middle is left out, and how many were is said. None keeps all.

    Returns:
        The text with controls, line ends, bidirectional and other invisible characters, lone surrogates and unassigned
        codes as `\n`, `\x1b`, `\u202e` and so on. What is plain comes back as it is, also where it is not ASCII.
    """
    spoken = _spoken(text)
    if longest is not None and len(spoken) > longest:
        spoken = _shortened(spoken, longest)
    if spoken.isascii() and spoken.isprintable():
        return spoken
    return _without_stacks("".join(map(_seen, spoken)))


def visible_lines(text: object) -> str:
    """Return a text of several lines with each of them `visible`; tabs are spaces, and a lone CR is seen."""
    lines = str(text).replace("\r\n", "\n").split("\n")
    return "\n".join(visible(line.expandtabs(8), None) for line in lines)


def html_text(text: object, longest: int | None = LONGEST_NAME_SHOWN) -> str:
    """Return `text` as one visible line that is no markup in HTML, also inside quotes."""
    return html.escape(visible(text, longest), quote=True)


def markdown_text(text: object, longest: int | None = LONGEST_NAME_SHOWN) -> str:
    """Return `text` as one visible line that no dialect of Markdown reads as markup, in a table either."""
    line = " ".join(visible(text, longest).split())
    return MARKDOWN_START.sub(r"\1\\\2", "".join(MARKDOWN.get(one, one) for one in line))


def markdown_code(text: object, longest: int | None = LONGEST_NAME_SHOWN) -> str:
    """Return `text` between backticks, or as `markdown_text` where something in it would end them."""
    line = visible(text, longest)
    return f"`{line}`" if MARKDOWN_CODE.fullmatch(line) else markdown_text(text, longest)


def page_value(value: object) -> object:
    """Return what a template of HTML may show, for Jinja's `finalize`; its autoescape does the rest."""
    return visible_lines(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def card_value(value: object) -> object:
    """Return what a template of Markdown may show, for Jinja's `finalize`: numbers, and else letters, not markup."""
    return value if isinstance(value, int | float) or hasattr(value, "__html__") else markdown_text(value, None)


def plot_text(text: object, longest: int | None = LONGEST_NAME_SHOWN) -> str:
    r"""Return `text` as one visible line that matplotlib draws as it stands: a lone `$` ends a drawing otherwise."""
    return visible(text, longest).replace("$", r"\$")


class SafeStream:
    """A text stream that shows what a terminal would obey: every line written is `visible` first."""

    def __init__(self, stream: IO[str]) -> None:
        """Write to `stream`."""
        self._stream = stream

    def write(self, text: str) -> int:
        """Write what of `text` can be seen; a character that the stream's encoding lacks is spelled."""
        safe = visible_lines(text)
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        self._stream.write(safe.encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - of the stream
        """Answer everything else as the stream does."""
        return getattr(self._stream, name)


@contextlib.contextmanager
def safe_streams() -> Iterator[None]:
    """Make all that Python prints meanwhile visible, and the traceback too of what ends it, with exit code 1."""
    out, err = cast("IO[str]", SafeStream(sys.stdout)), cast("IO[str]", SafeStream(sys.stderr))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            yield
        except Exception:  # noqa: BLE001 - told as the interpreter tells it, which would write to the stream itself
            traceback.print_exc()
            raise SystemExit(1) from None


def _spoken(value: object) -> str:
    try:
        return str(value)
    except ValueError:  # Python writes no number of more than 4,300 digits
        return f"a {type(value).__name__} of very many digits"


def _shortened(text: str, longest: int) -> str:
    left_out = f" … {len(text) - longest:,} characters … "
    head = longest * 2 // 3
    return text[:head] + left_out + text[len(text) - (longest - head) :]


def _seen(character: str) -> str:
    if character == " " or (character.isprintable() and not BLANK.match(character)):
        return character
    if unicodedata.category(character) == "Zs":  # a wide or narrow space, which is no harm and no news
        return " "
    return character.encode("unicode_escape", "surrogatepass").decode()


def _without_stacks(text: str) -> str:
    marks, kept = 0, []
    for character in text:
        marks = marks + 1 if unicodedata.category(character).startswith("M") else 0
        kept.append(character if marks <= MOST_MARKS else character.encode("unicode_escape").decode())
    return "".join(kept)
