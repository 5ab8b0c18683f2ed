"""The int8 file of a model that is not exported yet, to be timed: nobody reads its quality.

model, some examples ──► converter's child process ──► file, loaded, with one example to run
"""

from __future__ import annotations

import tempfile

from featherline.tasks.contracts.model import Model
from featherline.tasks.data.dataset import Examples, taken
from featherline.tasks.litert.conversion import convert_apart
from featherline.tasks.litert.interpreter import FileRunner
from featherline.tasks.measuring.latency import Loaded
from featherline.tasks.networks.ends import ends_of
from featherline.tasks.networks.framework import KerasModel
from featherline.tasks.networks.macs import count_macs
from featherline.tasks.networks.model_files import put_model
from featherline.tasks.store.artifacts import open_store

CALIBRATION_EXAMPLES = 16
"""Enough for a file whose quality nobody reads."""

WARM_UP, RUNS = 20, 200
"""Of a measurement of such a file."""


def int8_file(model: KerasModel, examples: Examples) -> Loaded:
    """Convert a model in a child process, calibrated on the first examples, and load it to run the first one."""
    few = taken(examples, slice(CALIBRATION_EXAMPLES))
    with tempfile.TemporaryDirectory(prefix="featherline-probe-") as folder:
        store = open_store(folder)
        described = Model(
            file=put_model(store, model),
            parameters=model.count_params(),
            macs=count_macs(model),
            validation_quality=0.0,
            ends=ends_of(model, tuple(examples)),
        )
        file = FileRunner(convert_apart(store, described, "int8", few).data)
    return file, taken(file.quantize(few), 0)
