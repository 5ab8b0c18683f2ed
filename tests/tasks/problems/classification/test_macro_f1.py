"""Macro-F1: in which a rare class counts as much as a frequent one."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from featherline.tasks.contracts.problems.classification import accepted_quality
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.networks.framework import tf
from featherline.tasks.problems.classification.macro_f1 import MacroF1
from featherline.tasks.problems.opening import open_problem, problem_judged_by
from featherline.tasks.problems.opening_learning import open_learning
from featherline.tasks.problems.scored import interval, quality_of, slices_of, unevenness
from featherline.tasks.statistics.proportions import wilson

PROBLEM = MacroF1()
ONE_HOT = np.eye(3, dtype=np.float32)


def test_it_is_the_mean_of_the_f1_of_the_classes() -> None:
    """Nine of class 0 are right, one of class 1 is not: 18/19 and 0, though 90 % are right."""
    outputs = ONE_HOT[np.zeros(10, np.int64)]
    targets = np.array([0] * 9 + [1])

    scores = PROBLEM.score(outputs, targets)

    assert PROBLEM.aggregate(scores) == pytest.approx(18 / 19 / 2)


def test_it_is_what_scikit_learn_gives() -> None:
    """Also where a class is only predicted, or never is."""
    generator = np.random.default_rng(0)
    for classes in (2, 5, 11):
        predicted, targets = (generator.integers(0, classes, 23) for _ in range(2))

        value = PROBLEM.aggregate(PROBLEM.score(np.eye(classes, dtype=np.float32)[predicted], targets))

        assert value == pytest.approx(f1_score(targets, predicted, average="macro"))


def test_a_slice_is_a_class_and_has_its_f1() -> None:
    """Of class 0 two of three are found, and one of another class is taken for it: 2 * 2 / (3 + 3)."""
    scores = PROBLEM.score(ONE_HOT[[0, 0, 1, 0]], np.array([0, 0, 0, 1]))

    found = slices_of(PROBLEM, scores, ("a", "b", "c"))

    assert [(one.name, one.samples) for one in found] == [("a", 3), ("b", 1), ("c", 0)]
    assert found[0].quality == pytest.approx(2 / 3)
    assert [one.quality for one in found[1:]] == [0, None]


def test_what_a_training_counts_gives_the_same() -> None:
    """Batches that are counted one by one, in the graph, are worth what all of them are at once."""
    generator = np.random.default_rng(1)
    outputs, targets = generator.normal(size=(40, 4)).astype(np.float32), generator.integers(0, 4, 40)
    learning = open_learning(PROBLEM.name)

    counted = sum(
        learning.counted(tf.constant(targets[part]), tf.constant(outputs[part])).numpy()
        for part in (slice(0, 15), slice(15, 40))
    )

    assert PROBLEM.on_the_way(counted, 40) == pytest.approx(PROBLEM.aggregate(PROBLEM.score(outputs, targets)))


def test_a_constant_answer_has_a_part_of_one_class() -> None:
    """Always class 0 of nine to one has 18/19 for it and 0 for the other; a value above it is better."""
    targets = np.array([0] * 9 + [1])

    constant = PROBLEM.constant(targets)

    assert constant.quality == PROBLEM.aggregate(PROBLEM.score(ONE_HOT[np.zeros(10, np.int64)], targets))
    assert constant.better > constant.quality


def test_a_guess_does_not_reach_its_floor() -> None:
    """Guesses with the odds of the classes, which are skewed, stay below it; what is right is above."""
    generator = np.random.default_rng(2)
    targets = generator.choice(3, 600, p=[0.9, 0.07, 0.03])
    guessed = generator.choice(3, 600, p=[0.9, 0.07, 0.03])

    for predicted, above in ((guessed, False), (targets, True)):
        slices = slices_of(PROBLEM, PROBLEM.score(ONE_HOT[predicted], targets), ("a", "b", "c"))
        guess = PROBLEM.guess(slices, len(targets))
        assert guess is not None
        assert (guess.value >= guess.floor) is above
    assert "mean F1" in guess.expected


def test_its_interval_is_wider_where_a_class_is_rare() -> None:
    """One wrong of four is surely known in a class of a hundred, and not in one of four."""
    even, skewed = np.repeat([0, 1], 100), np.repeat([0, 1], [196, 4])
    widths = []
    for targets in (even, skewed):
        predicted = targets.copy()
        predicted[-1] = 0
        quality = quality_of(PROBLEM, PROBLEM.score(ONE_HOT[predicted], targets), 0.95, 300, 0)
        assert quality.low <= quality.value <= quality.high
        widths.append(quality.high - quality.low)

    assert widths[1] > 5 * widths[0]


def test_all_right_is_not_surely_all() -> None:
    """Of five samples that are all right nobody knows that all are; of equal classes it is Wilson's interval."""
    targets = np.array([0, 0, 1, 1])
    scores = PROBLEM.score(ONE_HOT[targets], targets)

    low, high = interval(PROBLEM, scores, 0.95, 200, 0)

    assert high == 1
    assert low == pytest.approx(wilson(4, 4, 0.95)[0])


def test_a_unit_of_a_rare_class_moves_it_further() -> None:
    """Of equal classes as far as it moves a share of all; of 98 and 2 more than three times as far."""
    even, skewed = (PROBLEM.score(ONE_HOT[each], each) for each in (np.repeat([0, 1], 50), np.repeat([0, 1], [98, 2])))

    assert unevenness(PROBLEM, even) == pytest.approx(1)
    assert unevenness(PROBLEM, skewed) == pytest.approx(np.sqrt(100 * (1 / 98 + 1 / 2)) / 2)
    assert unevenness(open_problem("classification"), skewed) == 1


@pytest.mark.parametrize(("quality", "name"), [(None, "accuracy"), ("accuracy", "accuracy"), ("macro_f1", "macro-F1")])
def test_a_recipe_says_what_quality_is(quality: str | None, name: str) -> None:
    """data.quality chooses the metric; where it is absent it is accuracy."""
    assert problem_judged_by("classification", quality).quality.name == name  # type: ignore[arg-type]


def test_another_problem_has_no_macro_f1() -> None:
    """A quality that is not the problem's is refused by name."""
    with pytest.raises(Refused) as refused:
        problem_judged_by("classification-macro-f1", "accuracy")

    assert refused.value.problems[0].got == "accuracy"


def test_a_baseline_that_another_metric_judged_is_not_compared_with() -> None:
    """0.9 of accuracy is no floor for macro-F1; what names no metric was written when there was accuracy alone."""
    accuracy = open_problem("classification").quality

    assert accepted_quality({"quality": 0.9, "metric": "accuracy"}, PROBLEM.quality) is None
    assert accepted_quality({"quality": 0.9}, PROBLEM.quality) is None
    assert accepted_quality({"quality": 0.9}, accuracy) == 0.9
    assert accepted_quality({"quality": 0.8, "metric": "macro-F1"}, PROBLEM.quality) == 0.8
