"""What a student can learn from where its teacher looks: where activations are large."""

from __future__ import annotations

from featherline.tasks.networks.framework import Tensor, tf


def attention(features: Tensor) -> Tensor:
    """Return where activations are large: (n, height * width), the mean of their squares over channels, of length 1.

    Source: Zagoruyko and Komodakis 2017, section 3.1, https://arxiv.org/abs/1612.03928 (F sum, p = 2)
    """
    energy = tf.reduce_mean(tf.square(features), axis=-1)
    return tf.math.l2_normalize(tf.reshape(energy, (tf.shape(energy)[0], -1)), axis=-1)


def inattention(teacher_features: Tensor, features: Tensor) -> Tensor:
    """Return the mean squared difference of where two networks look, summed over pairs of (n, h, w, any channels)."""
    pairs = zip(teacher_features, features, strict=True)
    return tf.add_n([tf.reduce_mean(tf.square(attention(theirs) - attention(ours))) for theirs, ours in pairs])
