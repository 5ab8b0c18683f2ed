"""Classes, a data set and people's words that attack a page: the report, the card, the verdict and the question."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from markdown_it import MarkdownIt

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.measurement import Finding
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.steps.report import ReportInputs, ReportParams
from featherline.tasks.judging.verdict_page import render
from featherline.tasks.running.context import Context
from featherline.tasks.steps.report import report

CLASSES = (
    "[l](javascript:alert(1))",
    "![x](http://evil.example/x.png)",
    "<img src=x onerror=alert(1)>",
    '"><script>alert(1)</script>',
    "a | b | `c` ``` ~~~",
    "\x1b[2J\x9b31m\x07",
    "cost $ of $x_{ \\frac",
    "\u202egnp\u2066.\u200b\u3164",
    "# h\n\n---\n\n## Limitations\r\n```\nrm -rf\n```",
    "{{ 7 * 7 }}{% raw %}",
)
"""One for each class of the digits."""
INVISIBLE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff]")


@pytest.fixture
def pages(told: Callable[..., ReportInputs], digits: tuple[DatasetRef, Dataset], context: Context) -> tuple[str, str]:
    """Give the report and the card of a data set whose every class is hostile."""
    inputs = told()
    hostile = context.store.put(digits[1].model_copy(update={"vocabulary": CLASSES}), DatasetRef)
    people = ReportParams(title=CLASSES[0], author=CLASSES[2], licence=CLASSES[8], description=CLASSES[8])

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")
        outputs = report(inputs.model_copy(update={"data": hostile}), people, context)
    return context.store.read_bytes(outputs.page).decode(), context.store.read_bytes(outputs.card).decode()


class Tags(HTMLParser):
    """Collects tags and attributes, and the words between."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.words = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag and its attributes."""
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        """Note words."""
        self.words += data


def test_the_report_shows_hostile_classes(pages: tuple[str, str]):
    """No name becomes a tag, an attribute, a formula or an invisible character; each is there to read."""
    page, _ = pages

    seen = Tags(page)

    assert not INVISIBLE.search(page)
    assert not {"script", "img", "a", "iframe", "object"} & seen.tags
    assert not {name for name in seen.attributes if name.startswith("on")}
    assert "cost $ of $x_{" in seen.words
    assert "\\x1b[2J\\x9b31m\\x07" in seen.words
    assert "{{ 7 * 7 }}" in seen.words


@pytest.mark.parametrize("preset", ["commonmark", "gfm-like"])
def test_the_card_has_no_markup_of_a_class(pages: tuple[str, str], preset: str):
    """Read as Markdown, with HTML and tables on, a name makes no link, image, tag, code or heading."""
    _, card = pages
    markdown = MarkdownIt(preset, {"html": True, "linkify": False}).enable("table")

    tokens = markdown.parse(card.split("---\n", 2)[2])
    inline = [child for token in tokens for child in token.children or ()]

    assert not INVISIBLE.search(card)
    assert not {"link_open", "image", "html_inline"} & {token.type for token in inline}
    assert "html_block" not in {token.type for token in tokens}
    assert len([token for token in tokens if token.type == "fence"]) == 1
    headings = [tokens[place + 1].content for place, token in enumerate(tokens) if token.type == "heading_open"]
    assert headings[1:] == [
        "Intended use", "Data", "How it was made", "How good it is", "Limitations", "How to use it",
        "Where it comes from",
    ]  # fmt: skip
    cells = [tokens[place + 1] for place, token in enumerate(tokens) if token.type == "td_open"]
    assert "a | b | `c` ``` ~~~" in ["".join(part.content for part in cell.children or ()) for cell in cells]


def test_the_snippet_of_the_card_holds_the_classes_as_they_are(pages: tuple[str, str]):
    """What a program compares with is the name itself, as a Python string."""
    _, card = pages

    (snippet,) = re.findall(r"^```python\n(.*?)^```", card, re.DOTALL | re.MULTILINE)
    found: dict[str, object] = {}
    exec(re.search(r"^CLASSES = .*$", snippet, re.MULTILINE)[0], found)  # type: ignore[index] # noqa: S102 - one line

    assert found["CLASSES"] == list(CLASSES)


def test_the_page_of_a_verdict_shows_hostile_names():
    """Subject, figures and fix of a finding are words, in every part of the page."""
    finding = Finding(
        rule="class_present", subject=CLASSES[3], expected=CLASSES[2], got=CLASSES[5], passed=False, fix=CLASSES[7]
    )

    page = render("data", [finding], title=CLASSES[3], passed=False)

    assert not INVISIBLE.search(page)
    assert not {"script", "img"} & Tags(page).tags
    assert "\\x1b[2J" in Tags(page).words
