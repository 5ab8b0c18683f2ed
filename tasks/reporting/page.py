"""The report: one HTML file that opens offline, the answer in its first screen.

facts ──► tiles, figures, tables ──► templates/report.html ──► page
"""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from featherline.tasks.contracts import words
from featherline.tasks.contracts.measurement import Measurement, StageEntry
from featherline.tasks.contracts.quality import Quality
from featherline.tasks.contracts.request import Provenance
from featherline.tasks.contracts.safe_text import page_value
from featherline.tasks.contracts.steps.report import ReportParams
from featherline.tasks.data.intake_words import intake_rows
from featherline.tasks.measuring.stage_effects import effect_of
from featherline.tasks.modalities.feeding import in_words, preprocessing_of
from featherline.tasks.reporting import classes, curves, tradeoff
from featherline.tasks.reporting.facts import Facts
from featherline.tasks.reporting.notes import how_made, notes, provenance
from featherline.tasks.reporting.nothing import nearest_of
from featherline.tasks.reporting.standing import standing

TEMPLATES = Path(__file__).parent / "templates"


class Tile(NamedTuple):
    """A number before and after."""

    name: str
    after: str
    before: str
    change: str
    detail: str
    good: bool
    """Whether the change is for the better, or none."""


def render_page(facts: Facts, params: ReportParams, made_by: Provenance, seed: int) -> str:
    """Return the report as HTML. Equal facts give equal bytes."""
    return (
        environment_of_pages()
        .get_template("report.html")
        .render(
            facts=facts,
            params=params,
            made_by=made_by,
            seed=seed,
            headline=headline(facts),
            fed=preprocessing_of(facts.winner.model.source, facts.dataset),
            standing=standing(facts, params),
            tiles=tiles(facts),
            notes=notes(facts),
            ledger=_ledger(facts.measured),
            provenance=provenance(facts),
            intake=intake_rows(facts.dataset),
            nearest=nearest_of(facts.missed),
            figures=_figures(facts),
            mistakes=classes.mistakes(facts),
            by_class=classes.figures_of_classes(facts),
            passed=sum(lane.ranked.verdict == "pass" for lane in facts.lanes),
        )
    )


def environment_of_pages() -> Environment:
    """Return what HTML is made with: every word escaped and visible, numbers in the units of people."""
    loader = FileSystemLoader(TEMPLATES)
    environment = Environment(
        loader=loader,
        autoescape=True,
        finalize=page_value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        size=words.size,
        count=words.count,
        percent=words.percent,
        points=words.points,
        interval=_interval,
        ms=words.milliseconds,
        uj=words.microjoules,
        short=words.shorten,
        made=how_made,
        in_words=in_words,
    )
    return environment


def _interval(quality: Quality) -> str:
    """Return the interval of a value: `96.10 to 99.16 %`."""
    low, high = quality.metric.text(quality.low), quality.metric.text(quality.high)
    return f"{low.removesuffix(' %')} to {high}"


def headline(facts: Facts) -> str:
    """Return the whole run in one sentence."""
    smaller = words.times(facts.baseline.size_bytes, facts.measured.size_bytes, "smaller", "larger")
    drop = facts.winner.drop.drop
    lost, name = facts.metric.amount(abs(drop)), facts.metric.name
    if name == "quality":
        quality = "as accurate as" if drop == 0 else f"{lost} {'less' if drop > 0 else 'more'} accurate than"
    else:
        quality = f"the {name} of" if drop == 0 else f"{name} {lost} {'worse' if drop > 0 else 'better'} than"
    return f"{smaller}, {quality} the float baseline"


def tiles(facts: Facts) -> tuple[Tile, ...]:
    """Return the before and after of the winner."""
    before, after, drop = facts.baseline, facts.measured, facts.winner.drop
    speed = after.latency_ms
    ends = [facts.change(drop.high), facts.change(drop.low)]
    ends = [end.removesuffix(" points") for end in (ends if facts.metric.higher_is_better else ends[::-1])]
    interval = f"{drop.confidence:.0%} interval {' to '.join(ends)}"
    faster = words.times(before.latency_ms.p50, speed.p50, "faster", "slower")
    if speed.speedup is not None:
        faster = words.times(speed.speedup, 1, "faster", "slower")
    return (
        Tile(facts.metric.name, str(after.quality), str(before.quality),
             facts.change(drop.drop), interval, good=drop.drop <= 0),
        _less("file size", before.size_bytes, after.size_bytes, words.size, f"gzip {words.size(after.gzip_bytes)}"),
        Tile("latency p50", words.milliseconds(speed.p50), words.milliseconds(before.latency_ms.p50), faster,
             f"p99 {words.milliseconds(speed.p99)}, {speed.threads} thread", good="slower" not in faster),
        _less("MACs", before.macs, after.macs, words.count, f"{words.count(after.parameters)} parameters"),
        _ram(before, after),
        _less("energy", before.energy_uj, after.energy_uj, words.microjoules, re.split("[:;]", after.energy_method)[0]),
    )  # fmt: skip


def _less(name: str, before: float, after: float, form: Any, detail: str) -> Tile:  # noqa: ANN401 - number to words
    change = words.times(before, after, "less", "more").replace("less", "smaller" if name == "file size" else "less")
    return Tile(name, form(after), form(before), change, detail, good=after <= before)


def _ram(before: Measurement, after: Measurement) -> Tile:
    """Compare peak RAM only where it was had in one way."""
    tile = _less("peak RAM", before.peak_ram_bytes, after.peak_ram_bytes, words.size, f"by {after.peak_ram_method}")
    if before.peak_ram_method == after.peak_ram_method:
        return tile
    return tile._replace(
        change="not comparable", detail=f"by {after.peak_ram_method}, float by {before.peak_ram_method}"
    )


def _ledger(measured: Measurement) -> list[tuple[StageEntry, str]]:
    """Return each stage of the winner's lane with its effect."""
    entries = measured.ledger
    words_ = ["", *(effect_of(before, after) for before, after in itertools.pairwise(entries))]
    return list(zip(entries, words_, strict=False))


def _figures(facts: Facts) -> dict[str, Any]:
    winner, baseline = classes.confusions(facts) or (None, None)
    return {
        "size": tradeoff.against_size(facts),
        "latency": tradeoff.against_latency(facts),
        "recall": classes.recall_changes(facts) if facts.measured.slices else None,
        "winner": winner,
        "baseline": baseline,
        "lane": curves.training(facts.histories, f"lane of the {facts.who}"),
        "float": curves.training(facts.baseline_histories, "float baseline"),
        "search": curves.search(facts.trials) if facts.trials else None,
    }
