"""Distillation losses against numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from featherline.tasks.contracts.fit import DistillationSettings
from featherline.tasks.networks.framework import tf
from featherline.tasks.problems.classification.distillation_losses import (
    decoupled,
    divergence,
    relations,
)
from featherline.tasks.problems.classification.learning import learning

LABEL = tf.constant([0], tf.int64)
HALF_QUARTERS = tf.constant([[math.log(2.0), 0.0, 0.0]])
"""Probabilities 1/2, 1/4, 1/4."""

EIGHTHS = tf.constant([[math.log(4.0), math.log(3.0), 0.0]])
"""Probabilities 4/8, 3/8, 1/8."""


def test_decoupled_parts_are_weighed_apart() -> None:
    """Both give the true class 1/2, so only the others differ: (1/2, 1/2) against (3/4, 1/4), times beta."""
    loss = float(decoupled(LABEL, HALF_QUARTERS, EIGHTHS, 1.0, beta=8.0))

    assert loss == pytest.approx(8 * (0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25)), rel=1e-5)


def test_the_true_class_has_a_part_of_its_own() -> None:
    """Teacher 1/2, 1/4, 1/4 and student 3/5, 1/5, 1/5 agree on the others: a binary divergence is left."""
    student = tf.constant([[math.log(3.0), 0.0, 0.0]])

    loss = float(decoupled(LABEL, HALF_QUARTERS, student, 1.0, beta=100.0))

    assert loss == pytest.approx(0.5 * math.log(0.5 / 0.6) + 0.5 * math.log(0.5 / 0.4), rel=1e-4)


def test_decoupled_with_the_teachers_own_weight_is_divergence() -> None:
    """The paper's equation 5: with beta = 1 - p(true) of the teacher it is what Hinton's loss is, at T = 2 too."""
    generator = np.random.default_rng(0)
    teacher, student = (tf.constant(generator.normal(size=(1, 5)).astype(np.float32)) for _ in range(2))
    beta = 1 - float(tf.nn.softmax(teacher / 2.0)[0, 0])

    assert float(decoupled(LABEL, teacher, student, 2.0, beta)) == pytest.approx(
        float(divergence(teacher, student, 2.0)), rel=1e-4
    )


def test_decoupled_bears_a_teacher_that_is_sure() -> None:
    """Logits of 200 give a finite loss and finite slopes."""
    student = tf.Variable([[200.0, 0.0, -200.0]])
    with tf.GradientTape() as tape:
        loss = decoupled(LABEL, tf.constant([[-200.0, 200.0, 0.0]]), student, 1.0, 8.0)

    assert math.isfinite(float(loss))
    assert np.isfinite(tape.gradient(loss, student)).all()


def test_relations_ask_for_the_order_alone() -> None:
    """Where student and teacher are sure of the same classes, one more than the other, nothing is left."""
    teacher = tf.constant([[9.0, 0.0], [0.0, 9.0]])
    student = tf.constant([[1.0, 0.0], [0.0, 1.0]])

    assert float(relations(teacher, student, 4.0)) == pytest.approx(0, abs=1e-4)


def test_relations_are_two_correlations() -> None:
    """The opposite order has the correlation -1 over the classes and over the images: T^2 (2 + 2)."""
    teacher = tf.constant([[9.0, 0.0], [0.0, 9.0]])

    assert float(relations(teacher, -teacher, 2.0)) == pytest.approx(4 * 4, rel=1e-4)


def test_relations_by_hand() -> None:
    """Three classes: (1/2, 1/4, 1/4) against (1/2, 3/8, 1/8) centred is (4, -2, -2) and (4, 1, -5) over 24.

    Their correlation is 24 / sqrt(24 * 42) over the classes; of one image there is none over images.
    """
    loss = float(relations(HALF_QUARTERS, EIGHTHS, 1.0))

    assert loss == pytest.approx(1 - 24 / math.sqrt(24 * 42) + 1, rel=1e-4)


@pytest.mark.parametrize("equal", ["classes", "images"])
def test_relations_teach_a_student_that_says_nothing_yet(equal: str) -> None:
    """Logits that are equal over classes (a head of zeros) or over images correlate with nothing, and have slopes.

    The slopes point to the teacher: down its own class, up the others.
    """
    teacher = tf.constant([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 2.0]])
    student = tf.Variable(tf.zeros((3, 3)) if equal == "classes" else tf.tile([[1.0, 0.0, -1.0]], (3, 1)))
    with tf.GradientTape() as tape:
        loss = relations(teacher, student, 1.0)

    slopes = tape.gradient(loss, student).numpy()

    assert np.isfinite(slopes).all()
    assert (np.diag(slopes) < 0).all()
    if equal == "classes":
        assert float(loss) == pytest.approx(2)
        assert (slopes[~np.eye(3, dtype=bool)] > 0).all()


@pytest.mark.parametrize(
    ("distillation", "expected"),
    [
        (
            DistillationSettings(loss="dkd", temperature=2, beta=3),
            decoupled(LABEL, HALF_QUARTERS, EIGHTHS, 2.0, 3.0),
        ),
        (DistillationSettings(loss="dist", temperature=2), relations(HALF_QUARTERS, EIGHTHS, 2.0)),
        (DistillationSettings(loss="kd", temperature=2), divergence(HALF_QUARTERS, EIGHTHS, 2.0)),
    ],
    ids=["dkd", "dist", "kd"],
)
def test_the_recipe_chooses_the_loss(distillation: DistillationSettings, expected: tf.Tensor) -> None:
    """Each name is the loss that it says."""
    loss = float(learning().distillation_loss(LABEL, EIGHTHS, HALF_QUARTERS, distillation))

    assert loss == pytest.approx(float(expected), rel=1e-6)
