"""Attention as a loss, worked out by hand."""

from __future__ import annotations

import math

import pytest

from featherline.tasks.networks.framework import tf
from featherline.tasks.training.distillation.attention_loss import attention, inattention


def test_attention_is_where_the_energy_is() -> None:
    """Two pixels of two channels, (3, 1) and (1, 3) of energy 5 each, then nothing: both as loud, of length 1."""
    features = tf.constant([[[[3.0, 1.0], [1.0, -3.0], [0.0, 0.0]]]])

    assert attention(features).numpy()[0].tolist() == pytest.approx([math.sqrt(0.5), math.sqrt(0.5), 0.0])


def test_inattention_compares_maps_of_other_widths() -> None:
    """A teacher of one channel that looks left, a student of two that looks right: ((1)^2 + (1)^2) / 2."""
    teacher = tf.constant([[[[5.0], [0.0]]]])
    student = tf.constant([[[[0.0, 0.0], [1.0, 2.0]]]])

    assert float(inattention([teacher], [student])) == pytest.approx(1.0)
    assert float(inattention([teacher, teacher], [student, teacher])) == pytest.approx(1.0)
