"""The report and the model card: complete, offline, and equal for equal inputs.

With FEATHERLINE_KEEP_PAGES set to a folder the pages are left there, to look at them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from featherline.tasks.contracts.request import Provenance
from featherline.tasks.contracts.steps.report import ReportInputs, ReportParams
from featherline.tasks.contracts.steps.validate_metrics import GateRules
from featherline.tasks.contracts.words import MINUS, TIMES
from featherline.tasks.running.context import Context
from featherline.tasks.steps.report import report
from featherline.tasks.store.artifacts import Store

Told = Callable[..., ReportInputs]
PARAMS = ReportParams(title="digits", author="The vision team", licence="apache-2.0", description="Reads digits.")


class Reader(HTMLParser):
    """Collects the words, the attributes and the tags of a page, and whether its tags are balanced."""

    VOID = frozenset({"meta", "br", "path", "use", "image", "rect", "link", "img"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag and where it points."""
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "xlink:href", "data"}]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Check that the tag closes the last open one."""
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note words."""
        self.words.append(data)

    @property
    def text(self) -> str:
        """Return the words with single spaces."""
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def shelf() -> dict[str, tuple[str, str]]:
    """Give a place for pages that were written before: they take seconds, and are equal for equal inputs."""
    return {}


@pytest.fixture
def written(store: Store, told: Told, shelf: dict[str, tuple[str, str]]) -> Callable[..., tuple[str, str]]:
    """Give the report and the card as text, written once for the same question unless `anew`."""

    def run(params: ReportParams = PARAMS, *, anew: bool = False, **changes: Any) -> tuple[str, str]:
        question = f"{params} {changes}"
        if anew or question not in shelf:
            shelf[question] = write(params, **changes)
        return shelf[question]

    def write(params: ReportParams, **changes: Any) -> tuple[str, str]:
        context = Context(store, seed=11, provenance=Provenance(run_id="weekly-7", recipe="digits"))
        outputs = report(told(**changes), params, context)
        return store.read_bytes(outputs.page).decode(), store.read_bytes(outputs.card).decode()

    return run


def test_the_report_says_the_effect_of_each_stage(told: Told, context: Context) -> None:
    """Zeros changed the download alone, int8 the file; what the fallback ladder left is said with the reason."""
    page = Reader(context.store.read_bytes(report(told(), PARAMS, context).page).decode())

    assert "Effect of each stage" in page.text
    assert "nothing on the device; download -39%; its zeros save no time" in page.text
    assert "file -75%; download -75%" in page.text
    assert (
        "pruned-int8: the fallback ladder left static_wi4_ai8 (9.00 kB, loses 8.00 points) and kept int8" in page.text
    )


def test_the_page_answers_first(written: Callable[..., tuple[str, str]]):
    """The headline names the winner, what it gained and what it lost, before any figure."""
    page, _ = written()

    first = Reader(page.split("<svg")[0]).text
    assert f"pruned-int8 wins: 7.8{TIMES} smaller, accuracy 1.00 points worse than the float baseline" in first
    assert "gate open: ready to release" in first
    assert "4 of 5 candidates passed the gate and fit the device; 1 more could not fit it" in first
    assert "version 3: accuracy 99.00 %, 40.0 kB." in first
    if folder := os.environ.get("FEATHERLINE_KEEP_PAGES"):
        Path(folder, "report.html").write_text(page)
        Path(folder, "card.md").write_text(written()[1])


def test_the_page_tells_what_the_data_are(written: Callable[..., tuple[str, str]]):
    """Classes and images of each split, as the log of `preprocess` and the page of the data gate tell them."""
    page, _ = written()

    text = Reader(page).text
    assert "What the data are" in text
    assert "vocabulary 10: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9" in text
    assert "test 100 examples: " in text


def test_the_page_is_alone(written: Callable[..., tuple[str, str]]):
    """No script, no link, no address outside the file: it opens offline and calls nobody."""
    page, _ = written()

    reader = Reader(page)
    assert not {"script", "link", "iframe", "img", "object"} & set(reader.tags)
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in reader.addresses)
    assert not re.search(r"url\((?!#)", page)
    assert not re.search(r"@import|https?://(?!www\.w3\.org/)", page)


def test_the_page_is_whole(written: Callable[..., tuple[str, str]]):
    """Every tag is closed, every figure is there and named for those who cannot see it."""
    page, _ = written()

    reader = Reader(page)
    assert reader.open == []
    labels = re.findall(r'<svg role="img" aria-label="([^"]+)"', page)
    assert [label.split(" ")[0] for label in labels] == [
        "Accuracy",
        "Accuracy",
        "Change",
        "Confusion",
        "Confusion",
        "Training",
        "Training",
        "3",
    ]
    assert "None" not in reader.text
    assert "nan" not in reader.text.split()


def test_every_scroll_area_is_reached_by_keyboard(written: Callable[..., tuple[str, str]]):
    """It takes the focus, and has a name of its own for those who cannot see it."""
    page, _ = written()

    areas = re.findall(r'<div class="scroll"([^>]*)>', page)
    names = [re.search(r'aria-label="([^"]+)"', area) for area in areas]
    assert len(areas) >= 4
    assert all('tabindex="0" role="region"' in area for area in areas)
    assert None not in names
    assert len({name[1] for name in names if name}) == len(areas)


def test_print_cuts_no_column_off(written: Callable[..., tuple[str, str]]):
    """On paper nobody scrolls: areas show all, cells break, and no column is held at a width or a place."""
    page, _ = written()

    paper = page[page.index("@media print {") : page.index("</style>")]
    assert "overflow: visible" in paper
    assert "white-space: normal; overflow-wrap: anywhere" in paper
    assert "position: static" in paper
    assert "size: A4" in page


def test_the_page_tells_every_candidate(written: Callable[..., tuple[str, str]]):
    """Lanes that won, lost and failed, and what was not trained, each with its reason."""
    page, _ = written()

    text = Reader(page).text
    for name in ("int8", "pruned-int8", "student", "sparse", "clustered"):
        assert f" {name} " in text
    assert "wide infeasible 9.1 MB of 0.1 MB allowed" in text
    assert "sparse: prune l2 0.6 (kept 38% of the MACs, 60% asked). Channels leave in blocks of eight" in text
    assert "clustered fail broke max_drop: 7.00 points (95% interval" in text
    assert "sparse: 80.00 % of its weights are zero. That shrinks the download (gzip 9.00 kB of 30.0 kB raw)" in text


def test_the_figures_have_the_page_s_colours(written: Callable[..., tuple[str, str]]):
    """No stand-in colour is left, so that dark and light both fit."""
    page, _ = written()

    assert not re.search(r"#0[1-9]0[1-9]0[1-9]", page)
    assert page.count("var(--ink)") > 10


def test_equal_inputs_give_equal_bytes(written: Callable[..., tuple[str, str]]):
    """Nothing of the clock or of chance is in the pages."""
    assert written(anew=True) == written(anew=True)


def test_a_first_release_has_no_champion(written: Callable[..., tuple[str, str]]):
    """Without champion and search the page says so and draws nothing of them."""
    page, card = written(with_champion=False, with_trials=False)

    text = Reader(page).text
    assert "none yet: this is the first release of the name." in text
    assert "The search" not in text
    assert "the champion when it was made" not in card


def test_the_search_is_summed_up(written: Callable[..., tuple[str, str]]):
    """Trials by their end, both hypervolumes, and the scores that have a rank correlation with the accuracy."""
    text = Reader(written()[0]).text

    assert "6 trials by nsga2: 3 complete, 1 outside the budget and not trained," in text
    assert "1 filtered by a cheap score and not trained, 1 failed." in text
    assert "from accuracy 0 at 600 k MACs: 0.6125; of 6 trials by random search 0.5400." in text
    assert "naswot -0.50 3" in text
    assert "synflow" not in text


def test_a_borderline_winner_is_marked(written: Callable[..., tuple[str, str]]):
    """The first thing that a reader sees is that a person must decide."""
    page, _ = written(borderline=0.06)

    assert Reader(page.split("<header>")[1].split("</p>")[0] + "</p>").text.startswith(
        "borderline: close to a rule; a person decides"
    )
    assert "ready to release" not in page


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ({}, "a person decides"),
        ({"approve": "always"}, "a person decides"),
        ({"approve": "never"}, "it stays a challenger"),
        ({"approve": "never", "accept_unproven": True}, "the recipe accepts that"),
    ],
)
def test_what_is_not_proven_is_said_first(told: Told, context: Context, policy: dict[str, Any], words: str):
    """A drop of a point on 100 images may be one of four: the page begins with that, and with who decides."""
    inputs = told(rules=GateRules(min_quality=0.85, max_drop=0.02, max_slice_drop=0.3, max_champion_drop=0.03))

    outputs = report(inputs, PARAMS.model_copy(update=policy), context)

    page = context.store.read_bytes(outputs.page).decode()
    assert Reader(page.split("<header>")[1].split("</p>")[0] + "</p>").text.startswith(
        f"borderline: 100 test images cannot prove it; {words} digits"
    )
    assert "ready to release" not in page
    assert "Not proven max_drop_proven: " in Reader(page).text
    card = context.store.read_bytes(outputs.card).decode()
    assert card.split("---", 2)[2].strip().startswith("# digits\n\n**Borderline**: 100 test images cannot prove it.")
    assert outputs.brief.startswith("Not proven by 100 test images: max\\_drop\\_proven")


def test_words_from_outside_cannot_add_markup(written: Callable[..., tuple[str, str]]):
    """A title with a tag is shown, not run."""
    page, card = written(PARAMS.model_copy(update={"title": "<script>x</script>", "description": "a | b\n# c"}))

    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "<script>" not in card.split("---", 2)[2]
    assert "a &#124; b \\# c" in card


def test_the_card_has_what_registries_index(written: Callable[..., tuple[str, str]]):
    """The front matter is YAML with licence, tags and the accuracy on the test split."""
    _, card = written()

    front = yaml.safe_load(card.split("---")[1])
    assert front["license"] == "apache-2.0"
    assert front["pipeline_tag"] == "image-classification"
    assert {"tflite", "litert", "int8"} <= set(front["tags"])
    assert front["model-index"][0]["results"][0]["metrics"] == [{"type": "accuracy", "name": "accuracy", "value": 0.97}]


def test_an_unset_licence_is_left_out(written: Callable[..., tuple[str, str]]):
    """An empty licence is no licence."""
    _, card = written(PARAMS.model_copy(update={"licence": ""}))

    assert "license" not in yaml.safe_load(card.split("---")[1])


def test_the_card_has_its_sections(written: Callable[..., tuple[str, str]]):
    """Use, data, making, quality, limits, snippet and origin, in this order."""
    _, card = written()

    assert re.findall(r"^## (.+)$", card, re.MULTILINE) == [
        "Intended use",
        "Data",
        "How it was made",
        "How good it is",
        "Limitations",
        "How to use it",
        "Where it comes from",
    ]


def test_the_card_s_numbers_have_intervals(written: Callable[..., tuple[str, str]]):
    """One image more is wrong: a point lost, with its interval and the images that changed."""
    _, card = written()

    assert f"changes by **{MINUS}1.00 points**" in card
    assert "images lost 1, gained 0" in card
    assert "| run | `weekly-7` |" in card
    assert "| seed | 11 |" in card
