"""The loader that travels with a version: pixels in, logits out, whatever the model is fed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.litert import metadata
from featherline.tasks.networks.framework import keras, tf
from featherline.tasks.releasing.registries.featherline_litert import LiteRTModel


def test_channels_are_turned_for_a_model_that_takes_blue_first(tmp_path: Path) -> None:
    """A model that gives its inputs back shows them: blue, green, red, less a mean each."""
    network = keras.Sequential([keras.Input((1, 1, 3)), keras.layers.Flatten()])
    (tmp_path / "model.tflite").write_bytes(tf.lite.TFLiteConverter.from_keras_model(network).convert())
    said = metadata.FileMetadata(
        labels=("blue", "green", "red"),
        preprocessing={"image": Preprocessing(name="own", scale=1, mean=(1, 2, 3), std=(1, 1, 2), channel_order="bgr")},
        inputs={"image": metadata.End(dtype="float32")},
        outputs={"logits": metadata.End(dtype="float32")},
        scheme="float32",
        validation_quality=1,
        source_validation_quality=1,
        versions={},
    )
    (tmp_path / "model.json").write_bytes(said.to_json())

    logits = LiteRTModel(tmp_path).predict(np.array([[[[103, 52, 21]]]], np.uint8))["logits"]

    assert logits.tolist() == [[20.0, 50.0, 50.0]]
