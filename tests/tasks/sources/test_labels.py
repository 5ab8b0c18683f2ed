"""Labels of every kind become class numbers, or the reason why not."""

from __future__ import annotations

import pytest

from tasks.contracts.refusal import Refused
from tasks.sources.labels import MOST_CLASSES, class_numbers
from tasks.sources.source import Label


def test_integers_name_themselves():
    """Labels 3 and 7 without names become the classes "3" and "7", numbered 0 and 1."""
    assert class_numbers([7, 3], None, {}) == (("3", "7"), {7: 1, 3: 0})


def test_integers_are_places_in_the_given_names():
    """Label 1 of ("cat", "dog") is dog."""
    assert class_numbers([1, 0], ("cat", "dog"), {}) == (("cat", "dog"), {1: 1, 0: 0})


def test_names_are_looked_up():
    """The order is that of the given names, not that of the letters."""
    assert class_numbers(["cat", "dog"], ("dog", "cat"), {}) == (("dog", "cat"), {"cat": 1, "dog": 0})


def test_ten_comes_after_nine():
    """Integers are sorted by value."""
    names, _ = class_numbers(list(range(11)), None, {})

    assert names[9:] == ("9", "10")


@pytest.mark.parametrize(
    ("found", "classes", "what", "got"),
    [
        ([0, 2], ("cat", "dog"), "a label that is no class", "2 (here)"),
        ([0, -1], ("cat", "dog"), "a label that is no class", "-1 (here)"),
        (["cat", "cow"], ("cat", "dog"), "a label that is no class", "'cow' (here)"),
        ([0, None], None, "a row without a label", "here"),
        ([0, "cat"], None, "two kinds of labels", "0 (here), 'cat' (here)"),
        ([5], None, "one class only", "only 5"),
        ([1], ("cat", "dog"), "one class only", "only dog"),
        ([0, 1], ("cat", "cat"), "a class name twice", "cat"),
    ],
)
def test_labels_that_break_a_rule_are_refused(found: list[Label], classes: tuple[str, ...] | None, what: str, got: str):
    """The message says what was met and where."""
    with pytest.raises(Refused) as refusal:
        class_numbers(found, classes, dict.fromkeys(found, "here"))

    (problem,) = refusal.value.problems
    assert what in problem.what
    assert problem.got == got


def test_measurements_are_no_classes():
    """More distinct labels than any classifier has are refused."""
    with pytest.raises(Refused) as refusal:
        class_numbers(list(range(MOST_CLASSES + 1)), None, {})

    assert "for classes" in refusal.value.problems[0].what
