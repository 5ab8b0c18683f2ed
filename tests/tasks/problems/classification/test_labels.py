"""Labels of every kind become class numbers, or the reason why not."""

from __future__ import annotations

import pytest

from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.data.sources.source import Label
from featherline.tasks.problems.classification.labels import MOST_CLASSES, class_numbers


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


TEXT_ORDER = tuple(sorted(str(number) for number in range(11)))
DIGITS = tuple(str(number) for number in range(11))


@pytest.mark.parametrize(
    ("found", "classes", "of_source", "numbers"),
    [
        ([2, 10], TEXT_ORDER, None, {2: 3, 10: 2}),
        ([2, 10], DIGITS, TEXT_ORDER, {2: 10, 10: 9}),
        ([2, 10], None, TEXT_ORDER, {2: 2, 10: 10}),
        ([0, 1], ("dog", "cat"), ("cat", "dog"), {0: 1, 1: 0}),
        ([0, 1], ("cow", "dog", "cat"), ("cat", "dog"), {0: 2, 1: 1}),
        ([0, 1], ("Katze", "Hund"), ("cat", "dog"), {0: 0, 1: 1}),
        ([0, 1], ("cat", "Hund"), ("cat", "dog"), {0: 0, 1: 1}),
        ([1, 2, 3], ("cat", "dog", "cow"), None, {1: 0, 2: 1, 3: 2}),
        ([1, 2, 3], ("1", "2", "3"), None, {1: 0, 2: 1, 3: 2}),
        ([1, 2], ("none", "cat", "dog"), None, {1: 1, 2: 2}),
        ([0, 7, "A"], ("0", "7", "A"), None, {0: 0, 7: 1, "A": 2}),
    ],
)
def test_a_number_is_the_class_that_it_is_called(
    found: list[Label], classes: tuple[str, ...] | None, of_source: tuple[str, ...] | None, numbers: dict[Label, int]
):
    """By the source's name for it, else by its digits, wherever the recipe names that; else it is a place."""
    assert class_numbers(found, classes, {}, of_source) == (classes or of_source, numbers)


def test_a_class_that_the_recipe_leaves_out_is_no_other_one():
    """The source calls 0 cat and 1 dog; a recipe that names dog first, and no cat, does not make a dog of a cat."""
    with pytest.raises(Refused) as refusal:
        class_numbers([0, 1], ("dog", "cow"), {0: "here", 1: "there"}, ("cat", "dog"))

    assert refusal.value.problems[0].got == "0 (here)"


@pytest.mark.parametrize("names", [("Cat", "cat", "dog"), ("Caf\u00e9", "Cafe\u0301"), ("cat", "cat ", "dog")])
def test_one_name_in_two_spellings_is_refused(names: tuple[str, ...]):
    """As folders of train and test have it; the recipe may name both, which makes two classes of them."""
    with pytest.raises(Refused) as refusal:
        class_numbers(list(names), None, dict.fromkeys(names, "here"))

    assert "differ only in how they are written" in refusal.value.problems[0].what
    assert class_numbers(list(names), names, {})[0] == names


def test_letters_may_differ_in_their_case():
    """A and a are two letters."""
    assert class_numbers(["A", "a"], None, {})[0] == ("A", "a")


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
