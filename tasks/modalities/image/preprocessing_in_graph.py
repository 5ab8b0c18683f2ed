"""Applying a preprocessing inside a compiled step, so that images stay bytes until a network needs them.

images (n, height, width, channels), as stored ──► model_inputs ──► float32, bit for bit those of `preprocessing.py`
"""

from __future__ import annotations

from typing import Any

import numpy as np

from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.networks.framework import Tensor, tf


def model_inputs(images: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Return model inputs, float32, of the shape of `images`: `(pixel / scale - mean) / std`, by channel."""
    height, width, channels = images.shape[1:]
    ordered = tf.reverse(images, [-1]) if preprocessing.channel_order == "bgr" else images
    # A row of an image at a time: TensorFlow repeats three numbers over a long row much faster than over the channels.
    rows = tf.cast(tf.reshape(ordered, [-1, width * channels]), tf.float32)
    scale, mean, std = (
        _unseen(numbers)
        for numbers in (preprocessing.scale, np.tile(preprocessing.mean, width), np.tile(preprocessing.std, width))
    )
    return tf.reshape((rows / scale - mean) / std, [-1, height, width, channels])


def _unseen(numbers: Any) -> Tensor:  # noqa: ANN401 - what NumPy takes as an array
    """Return a constant that the graph's optimizer does not know, which would divide by multiplying with the inverse.

    That rounds otherwise, and training would see other numbers than evaluation and the device do.
    """
    constant = np.asarray(numbers, np.float32)
    return tf.compat.v1.placeholder_with_default(constant, constant.shape)
