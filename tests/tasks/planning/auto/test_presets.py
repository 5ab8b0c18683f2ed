"""The orders that a search begins with."""

from __future__ import annotations

from featherline.tasks.contracts.auto import Auto, PipelinePoint
from featherline.tasks.planning.auto.presets import PRESETS, presets
from featherline.tasks.planning.auto.rounds import first_points


def test_every_preset_says_who_found_it_good():
    """With a link that a reader can follow."""
    assert all("https://" in preset.source for preset in PRESETS)


def test_presets_lie_on_the_grid_of_the_recipe():
    """The nearest fraction is taken, and a technique that the space lacks leaves its presets out."""
    auto = Auto(keep_macs=(1, 0.6, 0.3), teacher=(False,), qat=(False, True), prune_epochs=(2, 5))

    assert presets(auto, ()) == [
        PipelinePoint(),
        PipelinePoint(keep_macs=0.6, prune_epochs=5),
        PipelinePoint(keep_macs=0.6, prune_epochs=5, qat=True, tune_epochs=3),
    ]


def test_of_two_presets_with_the_same_pruning_one_waits_a_round():
    """Side by side both would train it; later the second one finds it in the cache."""
    first = first_points(Auto(lanes=8), (), seed=0, fits=lambda point: True)  # noqa: ARG005

    assert [(point.keep_macs, point.qat) for point in first] == [(1.0, False), (0.5, False), (0.35, True)]


def test_where_no_preset_fits_the_first_round_is_drawn_by_lot():
    """A device too small for all of them still gets lanes, the same for the same seed."""
    auto = Auto(lanes=2)
    small = [first_points(auto, (), seed=seed, fits=lambda point: point.keep_macs == 0.25) for seed in (1, 1)]

    assert small[0] == small[1]
    assert {point.keep_macs for point in small[0]} == {0.25}
