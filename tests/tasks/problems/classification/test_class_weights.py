"""How much the loss of an example counts, where some classes are rare."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from featherline.tasks.contracts.fit import DistillationSettings, Fit
from featherline.tasks.contracts.refusal import Refused, from_validation
from featherline.tasks.networks.framework import tf
from featherline.tasks.problems.classification.class_weights import of_classes
from featherline.tasks.problems.opening_learning import open_learning

COUNTS = np.array([90, 9, 1])
NAMES = ("cat", "dog", "owl")


def test_balanced_classes_count_alike_in_sum() -> None:
    """Of 90, 9 and 1 examples each class counts a third of all, as in scikit-learn: n / (classes * n_k)."""
    weights = of_classes("balanced", COUNTS, NAMES)

    assert weights is not None
    assert (weights * COUNTS).tolist() == pytest.approx([100 / 3] * 3)


def test_weights_by_name_are_relative() -> None:
    """An owl counts ten times a cat or a dog, and the mean over the examples is 1."""
    weights = of_classes({"owl": 10}, COUNTS, NAMES)

    assert weights is not None
    assert weights[2] / weights[0] == pytest.approx(10)
    assert weights[0] == weights[1]
    assert (weights * COUNTS).sum() == pytest.approx(100)


def test_a_class_without_examples_counts_nothing() -> None:
    """It divides nothing by zero."""
    assert of_classes("balanced", np.array([2, 0, 2]), NAMES).tolist() == [1, 0, 1]  # type: ignore[union-attr]


def test_none_is_none() -> None:
    """Where nothing is asked the loss is what it was."""
    assert of_classes("none", COUNTS, NAMES) is None


def test_a_class_that_is_not_there_is_refused_with_the_close_one() -> None:
    """Every wrong name at once."""
    with pytest.raises(Refused) as refused:
        of_classes({"cta": 2, "owl": 2, "emu": 3}, COUNTS, NAMES)

    assert [(problem.got, problem.fix) for problem in refused.value.problems] == [
        ("cta", "did you mean cat?"),
        ("emu", "known: cat, dog, owl"),
    ]


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"class_weights": {"cat": 0}}, "train cannot take class_weights.cat"),
        ({"class_weights": {"cat": -1.5}}, "train cannot take class_weights.cat"),
        ({"class_weights": "balance"}, "train cannot take class_weights"),
        ({"sampling": "even"}, "train cannot take sampling"),
        ({"sampling": "balanced", "class_weights": "balanced"}, "train does not hold together"),
        ({"sampling": "balanced", "class_weights": {"cat": 2}}, "train does not hold together"),
    ],
)
def test_weights_that_cannot_be_are_refused(given: dict[str, object], what: str) -> None:
    """None of nothing or less, no other word, and not both ways at once."""
    with pytest.raises(ValidationError) as error:
        Fit.model_validate(given)

    assert what in [problem.what for problem in from_validation("train", error.value, given=given).problems]


LOGITS = np.array([[2, 0, 0], [0, 1, 0], [0, 0, 3]], np.float32)
TEACHER = np.array([[1, 0, 2], [0, 3, 0], [1, 0, 3]], np.float32)
LABELS = np.array([0, 1, 2])
LEARNING = open_learning("classification")


def test_an_example_that_counts_twice_is_as_two() -> None:
    """Weights of 2, 1 and 0 give three thirds of the loss of a batch with the first twice and without the last."""
    weights = LEARNING.weights(tf.constant(LABELS), tf.constant([2.0, 1.0, 0.0]))

    weighed = LEARNING.loss(tf.constant(LABELS), tf.constant(LOGITS), smoothing=0.1, weights=weights)
    twice = LEARNING.loss(tf.constant(LABELS[[0, 0, 1]]), tf.constant(LOGITS[[0, 0, 1]]), smoothing=0.1)

    assert float(weighed) == pytest.approx(float(twice), rel=1e-6)


@pytest.mark.parametrize("loss", ["kd", "dkd", "dist"])
def test_the_teacher_counts_by_the_same_weights(loss: str) -> None:
    """Each distillation loss takes an example of weight 2 as two, and one of weight 0 as none."""
    settings = DistillationSettings(loss=loss)  # type: ignore[arg-type]
    weights = tf.constant([2.0, 1.0, 0.0])
    doubled = [0, 0, 1]

    weighed = LEARNING.distillation_loss(
        tf.constant(LABELS), tf.constant(LOGITS), tf.constant(TEACHER), settings, weights=weights
    )
    twice = LEARNING.distillation_loss(
        tf.constant(LABELS[doubled]), tf.constant(LOGITS[doubled]), tf.constant(TEACHER[doubled]), settings
    )

    assert float(weighed) == pytest.approx(float(twice), rel=1e-4)


def test_a_mixture_counts_as_both() -> None:
    """Three quarters of class 0, of weight 4, and a quarter of class 1, of weight 1; and the other way round."""
    weights = LEARNING.weights(tf.constant([0, 1]), tf.constant([4.0, 1.0]), tf.constant([0.75, 0.75]))

    assert weights.numpy().tolist() == [3.25, 1.75]
