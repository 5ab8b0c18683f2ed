"""What a training makes small: cross entropy, the teacher's distillation, and the size of the weights.

All are means over the batch of float32 logits, so that they do not depend on the batch size.
"""

from __future__ import annotations

from collections.abc import Sequence

from featherline.tasks.contracts.fit import DistillationSettings
from featherline.tasks.networks.framework import Tensor, tf
from featherline.tasks.networks.layer_kinds.table import KERNEL_NAMES, name_of
from featherline.tasks.training.distillation.logit_losses import decoupled, relations


def cross_entropy(labels: Tensor, logits: Tensor, smoothing: float, share: Tensor = None) -> Tensor:
    """Return the mean cross entropy of labels (n,) and logits (n, classes), with smoothed or mixed targets.

    A target is `1 - smoothing + smoothing / classes` for the label, `smoothing / classes` for every other class. With
    `share`, (n,), it is that part of the image's own target and for the rest that of its partner, the batch backwards.

    Source: Szegedy et al. 2015, section 7, https://arxiv.org/abs/1512.00567; Zhang et al. 2018,
    https://arxiv.org/abs/1710.09412 (mixing)
    """
    if smoothing == 0 and share is None:
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    classes = logits.shape[-1]
    targets = tf.one_hot(labels, classes) * (1 - smoothing) + smoothing / classes
    if share is not None:
        targets = share[:, tf.newaxis] * targets + (1 - share[:, tf.newaxis]) * tf.reverse(targets, [0])
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=targets, logits=logits))


def divergence(teacher_logits: Tensor, logits: Tensor, temperature: float) -> Tensor:
    """Return `T^2 * KL(teacher || student)` of the softened distributions, mean over the batch. 0 where both agree.

    Source: Hinton et al. 2015, section 2, https://arxiv.org/abs/1503.02531
    """
    teacher = tf.nn.log_softmax(teacher_logits / temperature)
    student = tf.nn.log_softmax(logits / temperature)
    each = tf.reduce_sum(tf.exp(teacher) * (teacher - student), axis=-1)
    return temperature**2 * tf.reduce_mean(each)


def distillation_loss(
    labels: Tensor, logits: Tensor, teacher_logits: Tensor, distillation: DistillationSettings, hard: Tensor
) -> Tensor:
    """Return `alpha * what the teacher thinks (distillation.loss) + (1 - alpha) * hard`, the cross entropy.

    Of mixed images the teacher sees the mixture too; dkd takes for the true class that of the larger part.
    """
    if distillation.loss == "dkd":
        soft = decoupled(labels, teacher_logits, logits, distillation.temperature, distillation.beta)
    elif distillation.loss == "dist":
        soft = relations(teacher_logits, logits, distillation.temperature)
    else:
        soft = divergence(teacher_logits, logits, distillation.temperature)
    return distillation.alpha * soft + (1 - distillation.alpha) * hard


def kernels(variables: Sequence[Tensor]) -> list[Tensor]:
    """Return the variables that weight decay applies to, also inside the wrappers of TFMOT."""
    return [variable for variable in variables if name_of(variable) in KERNEL_NAMES]


def decay(variables: Sequence[Tensor], factor: float) -> Tensor:
    """Return `factor` times the sum of all squared kernel weights, as Keras' own L2 regulariser has it."""
    return 2 * factor * tf.add_n([tf.nn.l2_loss(kernel) for kernel in kernels(variables)])
