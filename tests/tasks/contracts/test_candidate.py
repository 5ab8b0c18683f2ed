"""What a candidate says of its lane."""

from __future__ import annotations

from featherline.tasks.contracts.candidate import LANE, TAUGHT, WRITTEN


def test_a_lane_is_what_a_candidate_has_parameters_for():
    """In the order in which they run; a recipe says nothing of the last one, and four of them can have a teacher."""
    assert LANE == ("prune", "distill", "trim", "quantize", "export", "evaluate")
    assert LANE[:-1] == WRITTEN
    assert TAUGHT == ("prune", "distill", "trim", "quantize")
