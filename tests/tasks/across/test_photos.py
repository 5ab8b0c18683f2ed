"""A folder of photos through the steps as the recipe `photos` says, made small: from the folder to the gate."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.measurement import Measurement, Verdict
from featherline.tasks.contracts.steps.evaluate import EvaluateInputs, EvaluateOutputs
from featherline.tasks.contracts.steps.export import ExportInputs
from featherline.tasks.contracts.steps.preprocess import PreprocessInputs
from featherline.tasks.contracts.steps.quantize import QuantizeInputs, QuantizeParams
from featherline.tasks.contracts.steps.train import TrainInputs
from featherline.tasks.contracts.steps.validate_data import ValidateDataInputs
from featherline.tasks.contracts.steps.validate_metrics import ValidateMetricsInputs
from featherline.tasks.contracts.steps.validate_model import ValidateModelInputs
from featherline.tasks.data.dataset import read_split
from featherline.tasks.litert import metadata
from featherline.tasks.modalities.image.decode import fit
from featherline.tasks.networks.framework import keras
from featherline.tasks.planning.recipes import read_device, read_recipe
from featherline.tasks.running.context import Context
from featherline.tasks.steps.evaluate import evaluate
from featherline.tasks.steps.export import export
from featherline.tasks.steps.preprocess import preprocess
from featherline.tasks.steps.quantize import quantize
from featherline.tasks.steps.resolve import params_of_steps
from featherline.tasks.steps.train import train
from featherline.tasks.steps.validate_data import validate_data
from featherline.tasks.steps.validate_metrics import validate_metrics
from featherline.tasks.steps.validate_model import validate_model
from tests.tasks.photos import COUNTS, write_photos

RECIPES = Path("recipes")
SMALL = {
    "data.image_size": [32, 32],
    "data.calibration_count": 40,
    "train.epochs": 12,
    "train.learning_rate": 0.01,
    "train.rand_augment.magnitude": 3,
    "gate.measure.runs": 20,
    "gate.max_slice_drop": 0.3,
}


@pytest.fixture
def _placed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put photos and a backbone where the recipe looks for them."""
    monkeypatch.setenv("FEATHERLINE_PHOTOS", str(write_photos(tmp_path / "photos")))
    keras.utils.set_random_seed(0)
    layers = keras.layers
    backbone = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dense(1000),
        ]
    )
    backbone.save(tmp_path / "backbone.keras")
    monkeypatch.setenv("FEATHERLINE_BACKBONE", str(tmp_path / "backbone.keras"))


def test_equal_seeds_draw_equal_photos(tmp_path: Path) -> None:
    """The folder is the same on every machine, and its photos are of many sizes."""
    folders = [write_photos(tmp_path / name, {"ball": 3, "star": 2}, seed=7) for name in ("one", "other")]

    digests = [
        [hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.rglob("*.jpg"))] for folder in folders
    ]
    sizes = {Image.open(file).size for file in folders[0].rglob("*.jpg")}
    assert digests[0] == digests[1]
    assert len(sizes) > 3


@pytest.mark.usefixtures("_placed")
@pytest.mark.parametrize("backbone", [True, False], ids=["backbone", "builder"])
def test_photos_go_from_their_folder_to_the_gate(context: Context, tmp_path: Path, *, backbone: bool) -> None:
    """Cropped, weighed by class and varied, with a new head on a file or from a builder; judged by macro-F1."""
    own = {"train.frozen": None}  # the backbone of the test was trained on nothing
    if not backbone:
        own |= {"model": {"builder": "cnn", "options": {"widths": [16, 32]}}}
    recipe = read_recipe(RECIPES, "photos", SMALL | own)
    params, store = params_of_steps(recipe, read_device(RECIPES, recipe.device).budget), context.store

    data = preprocess(PreprocessInputs(), params["preprocess"], context).data
    data = validate_data(ValidateDataInputs(data=data), params["validate_data"], context).data
    dataset = store.read(data, Dataset)
    trained = train(TrainInputs(data=data), params["train"], context)
    checked = ValidateModelInputs(model=trained.model, metrics=trained.metrics)
    model = validate_model(checked, params["validate_model"], context).model

    def measured(candidate: str, scheme: str, baseline: EvaluateOutputs | None = None) -> EvaluateOutputs:
        """Quantize, export and measure the model, as its lane does."""
        asked = QuantizeParams(scheme=scheme)
        made = quantize(QuantizeInputs(model=model, teacher=model, data=data), asked, context)
        file = export(ExportInputs(model=made.model, scheme=made.scheme, data=data), params["export"], context)
        against = {} if baseline is None else {"baseline": baseline.model, "baseline_measurement": baseline.measurement}
        how = params["evaluate"].model_copy(update={"candidate": candidate})
        return evaluate(EvaluateInputs(model=file.model, data=data, **against), how, context)

    baseline = measured("baseline", "float32")
    lane = measured("int8", "int8", baseline)
    judged = ValidateMetricsInputs(data=data, baseline=baseline, lanes=(lane,))
    verdict = store.read(validate_metrics(judged, params["validate_metrics"], context).verdict, Verdict)
    found = store.read(lane.measurement, Measurement)
    said = metadata.read(store.read_bytes(lane.model.file))

    assert dataset.vocabulary == tuple(COUNTS)
    assert trained.metrics.metric.name == found.quality.metric.name == "macro-F1"
    assert found.quality.value == pytest.approx(np.mean([each.quality for each in found.slices]), abs=1e-6)
    assert found.quality.value > 0.6  # the floor of the recipe
    assert said is not None
    assert said.preprocessing["image"].resize == dataset.inputs["image"].resize
    assert said.preprocessing["image"].resize.mode == "crop"  # type: ignore[union-attr]
    first = fit(Image.open(tmp_path / "photos" / "ball" / "0000.jpg"), 3, (32, 32), dataset.inputs["image"].resize)  # type: ignore[arg-type]
    stored = np.concatenate(
        [read_split(store, dataset, split)[0]["image"] for split in ("train", "validation", "test")]
    )
    assert (stored == first).all(axis=(1, 2, 3)).any()
    by_rule = {finding.rule: finding for finding in verdict.findings if finding.subject == "int8"}
    assert verdict.passed
    assert "macro-F1" in by_rule["min_quality"].expected
    assert "its F1" in by_rule["max_slice_drop"].expected
