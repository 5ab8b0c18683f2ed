"""The loss of classification, checked by hand."""

from __future__ import annotations

import math

import pytest

from featherline.tasks.networks.framework import tf
from featherline.tasks.problems.classification.distillation_losses import divergence
from featherline.tasks.problems.classification.learning import cross_entropy, learning

EVEN = tf.constant([[0.0, 0.0]])
LABEL = tf.constant([0], tf.int64)
THREE_TO_ONE = tf.constant([[math.log(3.0), 0.0]])


def test_cross_entropy_of_even_logits_is_the_logarithm_of_the_classes() -> None:
    """Two equal logits cost log 2, smoothed or not."""
    assert float(cross_entropy(LABEL, EVEN, 0.0)) == pytest.approx(math.log(2))
    assert float(cross_entropy(LABEL, EVEN, 0.2)) == pytest.approx(math.log(2))


def test_smoothing_spreads_the_target_over_all_classes() -> None:
    """With smoothing 0.2 and two classes the targets are 0.9 and 0.1."""
    loss = float(cross_entropy(LABEL, THREE_TO_ONE, 0.2))

    assert loss == pytest.approx(-0.9 * math.log(0.75) - 0.1 * math.log(0.25))


def test_mixed_images_have_mixed_targets() -> None:
    """Three quarters of its own label and a quarter of its partner's, the batch read backwards; with smoothing too."""
    labels, share = tf.constant([0, 1], tf.int64), tf.constant([0.75, 0.75])
    logits = tf.concat([THREE_TO_ONE, THREE_TO_ONE], axis=0)  # probabilities 3/4 and 1/4

    loss = float(cross_entropy(labels, logits, 0.0, share))
    smoothed = float(cross_entropy(labels, logits, 0.2, share))

    right, wrong = -math.log(0.75), -math.log(0.25)
    assert loss == pytest.approx(((0.75 * right + 0.25 * wrong) + (0.25 * right + 0.75 * wrong)) / 2)
    own, partner = 0.75 * 0.9 + 0.25 * 0.1, 0.75 * 0.1 + 0.25 * 0.9
    assert smoothed == pytest.approx(((own * right + partner * wrong) + (partner * right + own * wrong)) / 2)
    whole = tf.ones_like(share)
    assert float(cross_entropy(labels, logits, 0.2, whole)) == pytest.approx(float(cross_entropy(labels, logits, 0.2)))


def test_divergence_is_nothing_where_both_agree() -> None:
    """A student with the teacher's logits has nothing to learn."""
    assert float(divergence(THREE_TO_ONE, THREE_TO_ONE, 4.0)) == pytest.approx(0.0, abs=1e-7)


def test_divergence_is_scaled_by_the_squared_temperature() -> None:
    """At T the logits are divided by T and the divergence is multiplied by T squared."""
    soft = tf.constant([[2 * math.log(3.0), 0.0]])

    loss = float(divergence(soft, EVEN, 2.0))

    assert loss == pytest.approx(4 * (0.75 * math.log(1.5) + 0.25 * math.log(0.5)))


def test_what_is_counted_is_what_is_right() -> None:
    """Of two samples whose largest output is the first, one is of the first class."""
    logits = tf.concat([THREE_TO_ONE, THREE_TO_ONE], axis=0)

    assert int(learning().counted(tf.constant([0, 1], tf.int64), logits)) == 1
