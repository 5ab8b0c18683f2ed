"""The int8 file of a model that is not exported yet, to be timed: nobody reads its accuracy.

model, some images ──► converter's child process ──► file, loaded, with one image to run
"""

from __future__ import annotations

import tempfile

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.model import Model
from featherline.tasks.litert.conversion import convert_apart
from featherline.tasks.litert.interpreter import Classifier
from featherline.tasks.measuring.latency import Loaded
from featherline.tasks.networks.framework import KerasModel
from featherline.tasks.networks.macs import count_macs
from featherline.tasks.networks.model_files import put_model
from featherline.tasks.store.artifacts import open_store

CALIBRATION_IMAGES = 16
"""Enough for a file whose accuracy nobody reads."""

WARM_UP, RUNS = 20, 200
"""Of a measurement of such a file."""


def int8_file(model: KerasModel, images: NDArray[np.float32]) -> Loaded:
    """Convert a model in a child process, calibrated on the first images, and load it to run the first one."""
    images = images[:CALIBRATION_IMAGES]
    with tempfile.TemporaryDirectory(prefix="featherline-probe-") as folder:
        store = open_store(folder)
        described = Model(
            file=put_model(store, model),
            parameters=model.count_params(),
            macs=count_macs(model),
            validation_accuracy=0.0,
        )
        file = Classifier(convert_apart(store, described, "int8", images).data)
    return file, file.quantize(images[:1])[0]
