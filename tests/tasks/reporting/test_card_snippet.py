"""The snippet of the model card runs as it stands, on files of both kinds."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.preprocessing import Preprocessing, Resize
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.steps.report import ReportInputs, ReportParams
from featherline.tasks.data.dataset import read_split
from featherline.tasks.modalities.image.decode import fit
from featherline.tasks.modalities.image.preprocessing import model_inputs, own_of
from featherline.tasks.modalities.image.resizing import in_words
from featherline.tasks.networks.framework import keras, tf
from featherline.tasks.running.context import Context
from featherline.tasks.steps.report import report


def convert(images: Any, *, int8: bool) -> tuple[bytes, Any]:
    """Return a small untrained classifier as `.tflite`, and the classes that it gives in float."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((8, 8, 1))
    hidden = keras.layers.Conv2D(8, 3, activation="relu")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(10)(keras.layers.Flatten()(hidden)))
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([image[np.newaxis]] for image in images)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert(), model(images).numpy().argmax(axis=1)


def fed_as(told: ReportInputs, own: Preprocessing) -> ReportInputs:
    """Return the same facts of models that are fed otherwise."""
    lanes = tuple(
        lane.model_copy(
            update={
                "model": lane.model.model_copy(
                    update={"source": lane.model.source.model_copy(update={"preprocessing": {"image": own}})}
                )
            }
        )
        for lane in told.lanes
    )
    return told.model_copy(update={"lanes": lanes})


def test_both_pages_say_how_the_model_is_fed(told: Callable[..., ReportInputs], context: Context) -> None:
    """The numbers are the model's, not the data set's; channels are turned in the snippet; figures stand."""
    own = Preprocessing(
        name="caffe", scale=2.0, mean=(3.5,), std=(4.5,), channel_order="bgr", why="the best: caffe 0.9, raw 0.4"
    )

    pages = report(fed_as(told(), own), ReportParams(title="digits"), context)

    card = context.store.read_bytes(pages.card).decode()
    assert "np.asarray(image, np.float32)[..., ::-1] / 2.0 - np.float32([3.5])) / np.float32([4.5])" in card
    assert "channels in the order blue, green, red. That is the preprocessing `caffe`" in card
    words = " ".join(context.store.read_bytes(pages.page).decode().split())
    fed = "caffe: (pixel / 2 - 3.5) / 4.5, channels in the order blue, green, red"
    assert f"{fed}; the best: caffe 0.9, raw 0.4" in words


@pytest.mark.parametrize("int8", [False, True], ids=["float", "int8"])
def test_the_snippet_classifies(
    told: Callable[..., ReportInputs],
    context: Context,
    digits: tuple[DatasetRef, Dataset],
    tmp_path: Path,
    *,
    int8: bool,
):
    """Copied from the card into a fresh file beside the model, it gives the classes that the float model gives."""
    images = read_split(context.store, digits[1], "test")[0]["image"]
    file, expected = convert(model_inputs(images, own_of(digits[1].inputs["image"])), int8=int8)
    (tmp_path / "model.tflite").write_bytes(file)
    card = context.store.read_bytes(report(told(), ReportParams(title="digits"), context).card).decode()
    (snippet,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)

    copied: dict[str, Any] = {}
    with contextlib.chdir(tmp_path):
        exec(snippet, copied)  # noqa: S102 - the text that users copy
    given = np.array([int(copied["classify"](image)) for image in images])

    assert (given == expected).mean() >= (0.9 if int8 else 1.0)


def test_the_snippet_resizes_as_the_data_were(
    told: Callable[..., ReportInputs], context: Context, tmp_path: Path
) -> None:
    """A card of a model whose images were resized says how, and its function makes the same pixels."""
    how = Resize(mode="letterbox", resampling="bicubic", background=(9, 99, 0))
    own = Preprocessing(name="raw", scale=1.0, mean=(0.0,), std=(1.0,), resize=how)
    (tmp_path / "model.tflite").write_bytes(convert(np.zeros((1, 8, 8, 1), np.float32), int8=False)[0])
    card = context.store.read_bytes(report(fed_as(told(), own), ReportParams(title="digits"), context).card).decode()
    (snippet,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (23, 41, 3), np.uint8))

    copied: dict[str, Any] = {}
    with contextlib.chdir(tmp_path):
        exec(snippet, copied)  # noqa: S102 - the text that users copy

    assert f"An image of another size is first {in_words(how)}" in " ".join(card.split())
    assert np.array_equal(copied["resized"](photo), fit(photo, 1, (8, 8), how))
