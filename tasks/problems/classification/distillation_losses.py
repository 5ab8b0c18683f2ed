"""What a student can learn from its teacher's logits.

    kd      the teacher's probabilities: plain divergence
    dkd     the true class against all others, and the others among themselves, weighed apart
    dist    not the numbers but their order: correlation over classes, and over images

All are means over the batch of float32 tensors, 0 where both agree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from featherline.tasks.contracts.fit import DistillationLoss, DistillationSettings
from featherline.tasks.networks.framework import Tensor, tf

TINY = 1e-8
"""Added to the square of a norm, so that what does not vary has a slope: that of a norm at zero is not a number."""


def mean(each: Tensor, weights: Tensor = None) -> Tensor:
    """Return the mean of (n,) values, each multiplied by its weight where there are weights."""
    return tf.reduce_mean(each if weights is None else each * weights)


def divergence(teacher_logits: Tensor, logits: Tensor, temperature: float, weights: Tensor = None) -> Tensor:
    """Return `T^2 * KL(teacher || student)` of the softened distributions, mean over the batch. 0 where both agree.

    Source: Hinton et al. 2015, section 2, https://arxiv.org/abs/1503.02531
    """
    teacher = tf.nn.log_softmax(teacher_logits / temperature)
    student = tf.nn.log_softmax(logits / temperature)
    each = tf.reduce_sum(tf.exp(teacher) * (teacher - student), axis=-1)
    return temperature**2 * mean(each, weights)


def decoupled(  # noqa: PLR0917 - two batches, two numbers and what weighs them
    labels: Tensor, teacher_logits: Tensor, logits: Tensor, temperature: float, beta: float, weights: Tensor = None
) -> Tensor:
    """Return `T^2 * (KL of (true, not true) + beta * KL among the others)`.

    With beta equal to the teacher's probability of the others this is plain divergence, in which that factor hides what
    a confident teacher knows of them.

    Args:
        labels: (n,).
        teacher_logits: (n, classes).
        logits: (n, classes), of the student.
        temperature: T.
        beta: Weight of the second part.
        weights: (n,), of the images; None where all count alike.

    Source: Zhao et al. 2022, equation 7, https://arxiv.org/abs/2203.08679, with alpha = 1
    """
    true = tf.one_hot(labels, logits.shape[-1], on_value=True, off_value=False, dtype=tf.bool)
    target, others = 0.0, 0.0
    teacher, student = (_split(each / temperature, true) for each in (teacher_logits, logits))
    for ours, theirs in zip(student[0], teacher[0], strict=True):
        target += tf.exp(theirs) * (theirs - ours)
    odds = tf.where(true, 0.0, tf.exp(teacher[1]))
    others = tf.reduce_sum(odds * tf.where(true, 0.0, teacher[1] - student[1]), axis=-1)
    return temperature**2 * mean(target + beta * others, weights)


def _split(logits: Tensor, true: Any) -> tuple[tuple[Tensor, Tensor], Tensor]:  # noqa: ANN401
    """Return log p(true) and log p(not true), (n,) each, and log p(class | not true), (n, classes)."""
    low = tf.fill(tf.shape(logits), logits.dtype.min / 2)
    whole = tf.reduce_logsumexp(logits, axis=-1)
    rest = tf.reduce_logsumexp(tf.where(true, low, logits), axis=-1)
    own = tf.reduce_sum(tf.where(true, logits, 0.0), axis=-1)
    return (own - whole, rest - whole), logits - rest[:, tf.newaxis]


def relations(teacher_logits: Tensor, logits: Tensor, temperature: float, weights: Tensor = None) -> Tensor:
    """Return `T^2 * (1 - correlation over classes, mean over images + 1 - correlation over images, mean over classes)`.

    Both are Pearson's correlations of softened probabilities, so that a student need not match a strong teacher's
    numbers, only their order. With `weights`, (n,), images count in both as much as theirs says.

    Source: Huang et al. 2022, equations 7 and 8, https://arxiv.org/abs/2205.10536
    """
    teacher, student = tf.nn.softmax(teacher_logits / temperature), tf.nn.softmax(logits / temperature)
    between = mean(1 - _correlation(teacher, student, axis=1), weights)
    within = 1 - tf.reduce_mean(_correlation(teacher, student, axis=0, weights=weights))
    return temperature**2 * (between + within)


def _correlation(one: Any, other: Any, axis: int, weights: Tensor = None) -> Tensor:  # noqa: ANN401
    if weights is None:
        one, other = (each - tf.reduce_mean(each, axis=axis, keepdims=True) for each in (one, other))
    else:  # of a weighted covariance each deviation has the root of its weight
        part = (weights / tf.reduce_sum(weights))[:, tf.newaxis]
        one, other = (
            tf.sqrt(part) * (each - tf.reduce_sum(part * each, axis=axis, keepdims=True)) for each in (one, other)
        )
    lengths = [tf.sqrt(tf.reduce_sum(tf.square(each), axis=axis) + TINY) for each in (one, other)]
    return tf.reduce_sum(one * other, axis=axis) / (lengths[0] * lengths[1])


def _kd(_targets: Tensor, teacher: Tensor, student: Tensor, settings: DistillationSettings, weights: Tensor) -> Tensor:
    return divergence(teacher, student, settings.temperature, weights)


def _dkd(targets: Tensor, teacher: Tensor, student: Tensor, settings: DistillationSettings, weights: Tensor) -> Tensor:
    return decoupled(targets, teacher, student, settings.temperature, settings.beta, weights)


def _dist(
    _targets: Tensor, teacher: Tensor, student: Tensor, settings: DistillationSettings, weights: Tensor
) -> Tensor:
    return relations(teacher, student, settings.temperature, weights)


Loss = Callable[[Tensor, Tensor, Tensor, DistillationSettings, Tensor], Tensor]
"""Of targets (n,), the teacher's logits and the student's, (n, classes) each, settings and weights, (n,) or None."""
DISTILLATION_LOSSES: dict[DistillationLoss, Loss] = {"kd": _kd, "dkd": _dkd, "dist": _dist}
