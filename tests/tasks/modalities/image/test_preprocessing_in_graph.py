"""Preprocessing inside a compiled step: bit for bit that of NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.modalities.image import preprocessing_in_graph
from featherline.tasks.modalities.image.preprocessing import model_inputs
from featherline.tasks.networks.framework import tf

CASES = [
    Preprocessing(name="data", scale=255.0, mean=(0.4914, 0.4822, 0.4465), std=(0.247, 0.2435, 0.2616)),
    Preprocessing(name="caffe", scale=1.0, mean=(103.939, 116.779, 123.68), std=(1.0,) * 3, channel_order="bgr"),
    Preprocessing(name="raw", scale=1.0, mean=(0.0,) * 3, std=(1.0,) * 3),
    Preprocessing(name="symmetric", scale=127.5, mean=(1.0,) * 3, std=(1.0,) * 3),
]


@pytest.mark.parametrize("how", CASES, ids=lambda how: how.name)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_the_graph_computes_the_very_numbers(how: Preprocessing, dtype: str) -> None:
    """Every value in every channel, though the graph is optimized."""
    values = np.arange(256 * 3).reshape(-1, 4, 8, 3) * (85 if dtype == "uint16" else 1)
    images = values.astype(dtype)
    compiled = tf.function(
        lambda stored: preprocessing_in_graph.model_inputs(stored, how),
        input_signature=(tf.TensorSpec((None, 4, 8, 3), dtype),),
    )

    assert compiled(images).numpy().tobytes() == model_inputs(images, how).tobytes()
