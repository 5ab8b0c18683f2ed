"""How a classifier learns: cross entropy of the labels, and what a teacher's logits add to it.

All are means over the batch of float32 logits, so that they do not depend on the batch size.
"""

from __future__ import annotations

from featherline.tasks.contracts.fit import DistillationSettings
from featherline.tasks.networks.framework import Tensor, tf
from featherline.tasks.problems.classification.distillation_losses import DISTILLATION_LOSSES, mean


class ClassificationLearning:
    """The TensorFlow side of classification: targets are the numbers of classes, outputs logits."""

    targets = tf.TensorSpec((None,), tf.int64)

    def weights(self, targets: Tensor, of_strata: Tensor, share: Tensor = None) -> Tensor:
        """Return the weight of each example's class; of a mixture that of both classes, mixed."""
        own = tf.gather(of_strata, targets)
        return own if share is None else share * own + (1 - share) * tf.reverse(own, [0])

    def loss(
        self,
        targets: Tensor,
        outputs: Tensor,
        *,
        smoothing: float = 0.0,
        share: Tensor = None,
        weights: Tensor = None,
    ) -> Tensor:
        """Return the mean cross entropy."""
        return cross_entropy(targets, outputs, smoothing, share, weights)

    def distillation_loss(
        self,
        targets: Tensor,
        outputs: Tensor,
        teacher_outputs: Tensor,
        settings: DistillationSettings,
        *,
        weights: Tensor = None,
    ) -> Tensor:
        """Return what the teacher thinks, by `settings.loss`.

        Of mixed images the teacher sees the mixture too; dkd takes for the true class that of the larger part.
        """
        return DISTILLATION_LOSSES[settings.loss](targets, teacher_outputs, outputs, settings, weights)

    def counted(self, targets: Tensor, outputs: Tensor) -> Tensor:
        """Return how many predictions are right."""
        return tf.reduce_sum(tf.cast(tf.argmax(outputs, axis=1) == targets, tf.int32))


class MacroF1Learning(ClassificationLearning):
    """The same, of which other things are counted."""

    def counted(self, targets: Tensor, outputs: Tensor) -> Tensor:
        """Return (3, classes): how often each class was given and right, was given, and was the right one."""
        classes = outputs.shape[-1]
        predicted = tf.argmax(outputs, axis=1)
        right = tf.boolean_mask(targets, predicted == targets)
        counts = [tf.math.bincount(tf.cast(each, tf.int32), minlength=classes) for each in (right, predicted, targets)]
        return tf.stack(counts)


def learning() -> ClassificationLearning:
    """Return how classes are learnt."""
    return ClassificationLearning()


def learning_macro_f1() -> ClassificationLearning:
    """Return how they are learnt where quality is macro-F1."""
    return MacroF1Learning()


def cross_entropy(
    labels: Tensor, logits: Tensor, smoothing: float, share: Tensor = None, weights: Tensor = None
) -> Tensor:
    """Return the mean cross entropy of labels (n,) and logits (n, classes), with smoothed or mixed targets.

    A target is `1 - smoothing + smoothing / classes` for the label, `smoothing / classes` for every other class. With
    `share`, (n,), it is that part of the image's own target and for the rest that of its partner, the batch backwards.
    With `weights`, (n,), each image's part is multiplied by its own before the mean.

    Source: Szegedy et al. 2015, section 7, https://arxiv.org/abs/1512.00567; Zhang et al. 2018,
    https://arxiv.org/abs/1710.09412 (mixing)
    """
    if smoothing == 0 and share is None:
        return mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits), weights)
    classes = logits.shape[-1]
    targets = tf.one_hot(labels, classes) * (1 - smoothing) + smoothing / classes
    if share is not None:
        targets = share[:, tf.newaxis] * targets + (1 - share[:, tf.newaxis]) * tf.reverse(targets, [0])
    return mean(tf.nn.softmax_cross_entropy_with_logits(labels=targets, logits=logits), weights)
