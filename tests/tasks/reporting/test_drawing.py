"""Figures: inline SVG in the page's colours, names that do not cover each other."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from featherline.tasks.contracts.model import Architecture, TrainingHistory
from featherline.tasks.contracts.problems.classification import ClassificationDetails
from featherline.tasks.contracts.quality import Slice
from featherline.tasks.contracts.steps.report import ReportInputs
from featherline.tasks.contracts.trials import Trial, Trials
from featherline.tasks.contracts.words import milliseconds
from featherline.tasks.reporting import classes, curves, tradeoff
from featherline.tasks.reporting.drawing import STAND_INS, figure, inline
from featherline.tasks.reporting.facts import Facts, gather
from featherline.tasks.reporting.labels import label_points
from featherline.tasks.running.context import Context

Told = Callable[..., ReportInputs]


@pytest.fixture
def facts(told: Told, context: Context) -> Facts:
    """Give what the report tells of five lanes."""
    return gather(told(), context)


def test_a_figure_is_inline_svg_in_the_page_s_colours():
    """No XML header, no size of its own, colours by variable, words as text."""
    with figure() as sheet:
        sheet.subplots().plot([0, 1], [0, 1], color=STAND_INS["accent"], label="line")
        svg = inline(sheet, "a <line>")

    assert svg.startswith('<svg role="img" aria-label="a &lt;line&gt;"')
    assert "var(--accent)" in svg
    assert "<metadata" not in svg
    assert "<text" in svg
    assert svg == inline(sheet, "a <line>")


def test_names_of_far_points_are_all_written():
    """Two points at two ends have room for both names."""
    with figure() as sheet:
        axes = sheet.subplots()
        axes.set(xlim=(0, 1), ylim=(0, 1))
        sheet.canvas.draw()
        label_points(axes, [(0.1, 0.2, "left", "k"), (0.7, 0.8, "right", "k")])

    assert [text.get_text() for text in axes.texts] == ["left", "right"]


def test_names_in_a_crowd_do_not_cover_each_other():
    """Of many names at one point some are left out, the first never."""
    with figure() as sheet:
        axes = sheet.subplots()
        axes.set(xlim=(0, 1), ylim=(0, 1))
        sheet.canvas.draw()
        label_points(axes, [(0.5, 0.5, f"candidate-{number}", "k") for number in range(12)])
        sheet.canvas.draw()

    boxes = [text.get_window_extent() for text in axes.texts]
    assert axes.texts[0].get_text() == "candidate-0"
    assert 2 <= len(boxes) < 12
    assert not any(one.overlaps(other) for place, one in enumerate(boxes) for other in boxes[:place])


def test_the_front_and_every_file_are_drawn(facts: Facts):
    """Each name of six files is in both pictures, or left out for want of room, never the winner's."""
    for svg in (tradeoff.against_size(facts), tradeoff.against_latency(facts)):
        names = set(re.findall(r">([a-z0-9 -]+)</text>", svg))
        assert "pruned-int8" in names
        assert len(names & {"int8", "student", "sparse", "clustered", "float baseline"}) >= 4


def test_a_hundred_classes_fit(facts: Facts):
    """Many classes are drawn without numbers, and only those that changed most have a bar."""
    generator = np.random.default_rng(0)
    names = tuple(f"class {number}" for number in range(100))
    confusion = np.eye(100, dtype=int) * 90 + (generator.random((100, 100)) < 0.02)
    recalls = np.diag(confusion) / confusion.sum(axis=1)
    details = ClassificationDetails(confusion=tuple(map(tuple, confusion.tolist())), calibration_error=0.01)

    def slices(values: Any) -> dict[str, Any]:
        return {"slices": tuple(Slice(name=n, samples=90, quality=v) for n, v in zip(names, values, strict=True))}

    many = replace(
        facts,
        dataset=facts.dataset.model_copy(update={"vocabulary": names}),
        details=details,
        baseline_details=details,
        measured=facts.measured.model_copy(update=slices(recalls)),
        baseline=facts.baseline.model_copy(update=slices([0.95] * 100)),
    )

    bars = classes.recall_changes(many)
    winner, _ = classes.confusions(many)

    assert len(set(re.findall(r"class \d+", bars))) == classes.MOST_BARS
    assert len(winner) < 60_000
    assert ">90<" not in winner


def test_mistakes_come_most_frequent_first(facts: Facts):
    """The winner takes one 2 for a 3, which the float baseline does not."""
    found = classes.mistakes(facts)

    assert [mistake.winner for mistake in found] == sorted((mistake.winner for mistake in found), reverse=True)
    assert sum(mistake.winner for mistake in found) == 3
    assert sum(mistake.winner - mistake.baseline for mistake in found) == 1


def test_a_model_that_was_taken_as_it_is_has_no_curves():
    """No epochs, no figure."""
    empty = TrainingHistory(
        stage="train", loss=(), quality=(), validation_loss=(), validation_quality=(), learning_rate=(), seconds=()
    )

    assert curves.training([empty], "float baseline") is None
    assert curves.training([], "float baseline") is None


def test_the_baseline_s_curves_are_drawn_once(told: Told, context: Context):
    """A lane that begins with the baseline's training shows it; a new student's does not."""
    pruned = gather(told(), context)
    assert [history.stage for history in pruned.histories] == ["train", "prune"]
    assert pruned.baseline_histories == ()

    inputs = told()
    student = inputs.lanes[2]
    selection = inputs.selection.model_copy(
        update={"winner": "student", "model": student.model, "measurement": student.measurement}
    )
    built_anew = gather(inputs.model_copy(update={"selection": selection}), context)

    assert [history.stage for history in built_anew.histories] == ["distill"]
    assert [history.stage for history in built_anew.baseline_histories] == ["train"]


def test_the_search_is_drawn_against_what_it_weighed():
    """Three networks, each better, dearer and smaller than the one before: one front has all, the other the last."""
    figures = [(0.7, 100, 9000), (0.8, 200, 5000), (0.85, 300, 1000)]
    trials = tuple(
        Trial(
            number=number,
            architecture=Architecture(builder="cnn", options={"width": number}),
            state="complete",
            quality=quality,
            epochs=1,
            macs=macs,
            parameters=10,
            size_bytes=size_bytes,
            seconds=1.0,
        )
        for number, (quality, macs, size_bytes) in enumerate(figures)
    )

    by_macs, by_size = (
        str(curves.search(Trials(study="s", sampler="random", objective=objective, trials=trials)))
        for objective in ("macs", "size")
    )

    assert "3 trials of the search, 3 of them on the front" in by_macs
    assert "MACs of the architecture" in by_macs
    assert "3 trials of the search, 1 of them on the front" in by_size
    assert "int8 file of the architecture, estimated" in by_size
    assert re.search(r">[0-9.]+ kB<", by_size)


def test_a_winner_that_is_no_lane_is_a_mistake_of_the_caller(told: Told, context: Context):
    """A selection of another run crashes rather than telling half a story."""
    inputs = told()
    selection = inputs.selection.model_copy(update={"winner": "stranger"})

    with pytest.raises(ValueError, match="the winner stranger is none of the measured lanes"):
        gather(inputs.model_copy(update={"selection": selection}), context)


@pytest.mark.parametrize("latencies", [[0.00158, 0.00171], [0.0021, 0.0049], [1.0, 1.0], [1200.0, 1300.0]])
def test_ticks_of_near_costs_do_not_lie_on_each_other(latencies: list[float]) -> None:
    """However long the numbers of close latencies are, each tick stands apart from the next."""
    with figure() as sheet:
        axes = sheet.subplots()
        axes.plot(latencies, [0.9, 0.95])
        tradeoff._axis(axes, latencies, milliseconds)
        canvas = FigureCanvasAgg(sheet)
        canvas.draw()
        boxes = [label.get_window_extent(canvas.get_renderer()) for label in axes.get_xticklabels() if label.get_text()]

    assert len(boxes) > 1
    assert all(left.x1 < right.x0 for left, right in pairwise(sorted(boxes, key=lambda box: box.x0)))
