"""A problem and a modality that no room knows go through the steps that there are."""

from __future__ import annotations

import io

import numpy as np
import pytest

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.fit import Fit
from featherline.tasks.contracts.measurement import Measurement
from featherline.tasks.contracts.model import Architecture
from featherline.tasks.contracts.steps.evaluate import EvaluateInputs, EvaluateOutputs, EvaluateParams
from featherline.tasks.contracts.steps.export import ExportInputs, ExportParams
from featherline.tasks.contracts.steps.preprocess import PreprocessInputs, PreprocessParams
from featherline.tasks.contracts.steps.quantize import QuantizeInputs, QuantizeParams
from featherline.tasks.contracts.steps.select import SelectInputs, SelectParams
from featherline.tasks.contracts.steps.train import TrainInputs, TrainParams
from featherline.tasks.contracts.steps.validate_data import ValidateDataInputs, ValidateDataParams
from featherline.tasks.contracts.steps.validate_metrics import (
    GateRules,
    ValidateMetricsInputs,
    ValidateMetricsParams,
)
from featherline.tasks.litert import metadata
from featherline.tasks.modalities import opening as modalities
from featherline.tasks.problems import opening as problems
from featherline.tasks.problems import opening_learning
from featherline.tasks.running.context import Context
from featherline.tasks.steps.evaluate import evaluate
from featherline.tasks.steps.export import export
from featherline.tasks.steps.preprocess import preprocess
from featherline.tasks.steps.quantize import quantize
from featherline.tasks.steps.select import select
from featherline.tasks.steps.train import train
from featherline.tasks.steps.validate_data import validate_data
from featherline.tasks.steps.validate_metrics import validate_metrics
from tests.tasks.across import toy

PARAMS = PreprocessParams(
    name="sums", source="vectors", modality="vector", problem="sum", calibration_count=50, shard_size=64
)
FIT = Fit(epochs=30, batch_size=20, learning_rate=0.05)


@pytest.fixture
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add the toy to the tables, a line each."""
    monkeypatch.setitem(modalities.MODALITIES, "vector", "tests.tasks.across.toy:VectorModality")
    monkeypatch.setitem(problems.PROBLEMS, "sum", toy.Sum)
    monkeypatch.setitem(opening_learning.LEARNING, "sum", "tests.tasks.across.toy:learning")


@pytest.mark.usefixtures("_registered")
def test_two_vectors_become_their_sum_through_the_same_steps(context: Context) -> None:
    """From source to winner: named inputs are never swapped, less error is better, and no room knows of either."""
    store = context.store
    data = preprocess(PreprocessInputs(), PARAMS, context).data
    checks = ValidateDataParams(recipe="sums", min_stratum_fraction=0.2)
    data = validate_data(ValidateDataInputs(data=data), checks, context).data
    dataset = store.read(data, Dataset)
    assert (list(dataset.inputs), dataset.problem, dataset.vocabulary) == (["left", "right"], "sum", ())

    network = Architecture(builder="tests.tasks.across.toy:adder")
    model = train(TrainInputs(data=data), TrainParams(architecture=network, fit=FIT), context).model
    assert list(model.preprocessing) == ["left", "right"]
    assert model.validation_quality < 0.1

    def measured(candidate: str, baseline: EvaluateOutputs | None) -> EvaluateOutputs:
        """Quantize, export and measure the model, as its lane does."""
        scheme = "float32" if baseline is None else "int8"
        made = quantize(QuantizeInputs(model=model, teacher=model, data=data), QuantizeParams(scheme=scheme), context)
        file = export(ExportInputs(model=made.model, scheme=made.scheme, data=data), ExportParams(golden=2), context)
        against = {} if baseline is None else {"baseline": baseline.model, "baseline_measurement": baseline.measurement}
        asked = EvaluateParams(candidate=candidate, runs=20)
        return evaluate(EvaluateInputs(model=file.model, data=data, **against), asked, context)

    baseline = measured("baseline", None)
    lane = measured("small", baseline)
    file = store.read_bytes(lane.model.file)
    golden = np.load(io.BytesIO(store.read_bytes(lane.model.golden)), allow_pickle=False)
    said, found = metadata.read(file), store.read(lane.measurement, Measurement)
    ends = [f"{part}.{name}" for part in ("raw", "inputs") for name in ("left", "right")]
    assert sorted(golden) == sorted([*ends, "outputs.sum"])
    assert said is not None
    assert (set(said.inputs), set(said.outputs)) == ({"left", "right"}, {"sum"})
    assert (found.quality.metric.name, found.quality.value < 0.2) == ("mean error", True)

    rules = GateRules(min_quality=0.5, max_drop=0.3, max_slice_drop=0.5)
    judged = ValidateMetricsInputs(data=data, baseline=baseline, lanes=(lane,))
    verdict = validate_metrics(judged, ValidateMetricsParams(rules=rules), context).verdict
    chosen = select(SelectInputs(verdict=verdict, baseline=baseline, lanes=(lane,)), SelectParams(), context)
    assert chosen.winner == "small"
