"""Two inputs, each of a modality of its own and of another shape and kind of number, go through the steps there are."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.fit import DistillationSettings, Fit
from featherline.tasks.contracts.measurement import Measurement
from featherline.tasks.contracts.model import Architecture, Model
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.request import Variable
from featherline.tasks.contracts.steps.distill import DistillInputs, DistillParams
from featherline.tasks.contracts.steps.evaluate import EvaluateInputs, EvaluateOutputs, EvaluateParams
from featherline.tasks.contracts.steps.export import ExportInputs, ExportParams
from featherline.tasks.contracts.steps.plan import PlanOutputs
from featherline.tasks.contracts.steps.preprocess import PreprocessInputs, PreprocessParams
from featherline.tasks.contracts.steps.prune import PruneInputs, PruneParams
from featherline.tasks.contracts.steps.quantize import QuantizeInputs, QuantizeParams
from featherline.tasks.contracts.steps.report import ReportInputs, ReportParams
from featherline.tasks.contracts.steps.search import SearchInputs, SearchParams
from featherline.tasks.contracts.steps.select import SelectInputs, SelectParams
from featherline.tasks.contracts.steps.train import TrainInputs, TrainOutputs, TrainParams
from featherline.tasks.contracts.steps.validate_data import ValidateDataInputs, ValidateDataParams
from featherline.tasks.contracts.steps.validate_metrics import GateRules, ValidateMetricsInputs, ValidateMetricsParams
from featherline.tasks.contracts.steps.validate_model import ValidateModelInputs, ValidateModelParams
from featherline.tasks.contracts.trials import Trials
from featherline.tasks.data.dataset import read_split
from featherline.tasks.litert import metadata
from featherline.tasks.modalities import opening as modalities
from featherline.tasks.problems import opening as problems
from featherline.tasks.problems import opening_learning
from featherline.tasks.running.context import Context
from featherline.tasks.steps.distill import distill
from featherline.tasks.steps.evaluate import evaluate
from featherline.tasks.steps.export import export
from featherline.tasks.steps.preprocess import preprocess
from featherline.tasks.steps.prune import prune
from featherline.tasks.steps.quantize import quantize
from featherline.tasks.steps.report import report
from featherline.tasks.steps.search import search
from featherline.tasks.steps.select import select
from featherline.tasks.steps.train import train
from featherline.tasks.steps.validate_data import validate_data
from featherline.tasks.steps.validate_metrics import validate_metrics
from featherline.tasks.steps.validate_model import validate_model
from tests.tasks.across import toy

PARAMS = PreprocessParams.model_validate(
    {
        "name": "senses",
        "source": "senses",
        "inputs": {"hand": {"modality": "hand"}, "grid": {"modality": "grid"}},
        "problem": "sum",
        "calibration_count": 50,
    }
)
NETWORK = Architecture(builder="tests.tasks.across.toy_senses:fusion")
FIT = Fit(epochs=12, batch_size=20, learning_rate=0.02)
SHORT = FIT.model_copy(update={"epochs": 3})


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add the modalities and the problem to the tables, a line each."""
    monkeypatch.setitem(modalities.MODALITIES, "hand", "tests.tasks.across.toy_senses:HandModality")
    monkeypatch.setitem(modalities.MODALITIES, "grid", "tests.tasks.across.toy_senses:GridModality")
    monkeypatch.setitem(problems.PROBLEMS, "sum", toy.Sum)
    monkeypatch.setitem(opening_learning.LEARNING, "sum", "tests.tasks.across.toy:learning")


@pytest.fixture
def data(context: Context) -> DatasetRef:
    """Give the examples of both senses, through their gate."""
    made = preprocess(PreprocessInputs(), PARAMS, context).data
    return validate_data(ValidateDataInputs(data=made), ValidateDataParams(recipe="senses"), context).data


@pytest.fixture
def trained(data: DatasetRef, context: Context) -> TrainOutputs:
    """Give the float baseline."""
    return train(TrainInputs(data=data), TrainParams(architecture=NETWORK, fit=FIT), context)


def lane(model: Model, teacher: Model, data: DatasetRef, context: Context, **quantized: Any) -> EvaluateInputs:
    """Quantize and export a model, as its lane does; what is to be measured."""
    inputs = QuantizeInputs(model=model, teacher=teacher, data=data)
    made = quantize(inputs, QuantizeParams.model_validate({"fit": SHORT.model_dump(), **quantized}), context)
    file = export(ExportInputs(model=made.model, scheme=made.scheme, data=data), ExportParams(golden=2), context)
    return EvaluateInputs(model=file.model, data=data)


def test_each_input_is_of_its_own_modality(data: DatasetRef, context: Context) -> None:
    """Shape, kind of number and range are its own, and both are of one example."""
    dataset = context.store.read(data, Dataset)
    examples, targets = read_split(context.store, dataset, "train")

    assert {name: (spec.modality, spec.shape, spec.dtype) for name, spec in dataset.inputs.items()} == {
        "grid": ("grid", (6, 6, 1), "uint8"),
        "hand": ("hand", (3,), "float32"),
    }
    sums = examples["hand"].sum(axis=1) + examples["grid"].mean(axis=(1, 2, 3)) / 64 - 1.5
    assert np.allclose(sums, targets[:, 0], atol=1e-4)


def test_two_senses_go_through_every_step(trained: TrainOutputs, data: DatasetRef, context: Context) -> None:
    """Pruned by channels across the fusion, distilled, trained for int8, exported, measured, judged, chosen, told."""
    store, model = context.store, trained.model
    assert model.ends is not None
    assert {name: spec.shape for name, spec in model.ends.inputs.items()} == {"grid": (6, 6, 1), "hand": (3,)}
    passed = validate_model(
        ValidateModelInputs(model=model, metrics=trained.metrics), ValidateModelParams(recipe="senses"), context
    )

    asked = PruneParams(method="channel", keep_macs=0.6, criterion="taylor", ratios="sensitivity", fit=SHORT)
    pruned = prune(PruneInputs(model=passed.model, data=data), asked, context).model
    assert pruned.macs < 0.7 * model.macs
    learnt = distill(
        DistillInputs(teacher=model, student=pruned, data=data),
        DistillParams(method="logits", fit=SHORT, distillation=DistillationSettings(alpha=0.5)),
        context,
    ).model
    baseline = evaluate(
        lane(model, model, data, context, scheme="float32"), EvaluateParams(candidate="baseline", runs=20), context
    )
    against = {"baseline": baseline.model, "baseline_measurement": baseline.measurement}
    inputs = lane(learnt, model, data, context, scheme="int8", qat=True).model_copy(update=against)
    small = evaluate(inputs, EvaluateParams(candidate="small", runs=20), context)

    said, found = metadata.read(store.read_bytes(small.model.file)), store.read(small.measurement, Measurement)
    assert said is not None
    assert {name: (end.stored, end.dtype) for name, end in said.inputs.items()} == {
        "grid": ("uint8", "int8"),
        "hand": ("float32", "int8"),
    }
    assert found.peak_ram_method == "tflite-micro"
    assert found.quality.value < 1.0
    rules = GateRules(min_quality=1.0, max_drop=1.0, max_slice_drop=1.0)
    judged = ValidateMetricsInputs(data=data, baseline=baseline, lanes=(small,))
    verdict = validate_metrics(judged, ValidateMetricsParams(rules=rules), context).verdict
    chosen = select(SelectInputs(verdict=verdict, baseline=baseline, lanes=(small,)), SelectParams(), context)
    assert chosen.winner == "small"
    told = report(
        ReportInputs(
            data=data,
            model=model,
            metrics=trained.metrics,
            baseline=baseline,
            lanes=(small,),
            verdict=verdict,
            plan=PlanOutputs(candidates=(), infeasible=()),
            selection=chosen,
        ),
        ReportParams(title="senses"),
        context,
    )
    page, card = (store.read_bytes(ref).decode() for ref in (told.page, told.card))
    assert all(name in text for name in ("grid", "hand") for text in (page, card))
    assert not re.search(r"\b(image|class|pixel)", card)
    assert "None" not in re.sub(r"<[^>]*>", " ", page)
    _the_snippet_gives_the_golden_outputs(card, store.read_bytes(small.model.file), small, context)


def _the_snippet_gives_the_golden_outputs(card: str, file: bytes, lane: EvaluateOutputs, context: Context) -> None:
    """Run the code of the card, as it stands, on the first golden vector."""
    (snippet,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    golden = np.load(io.BytesIO(context.store.read_bytes(lane.model.golden)), allow_pickle=False)
    names: dict[str, Any] = {}
    folder = Path(context.store.uri, "card")
    folder.mkdir(parents=True)
    (folder / "model.tflite").write_bytes(file)
    with contextlib.chdir(folder):
        exec(snippet, names)  # noqa: S102 - what the card tells its reader to run
    said = metadata.read(file)
    assert said is not None
    hand = (golden["raw.hand"][0] - np.float32(said.preprocessing["hand"].mean)) / np.float32(
        said.preprocessing["hand"].std
    )
    given = names["answer"](hand=hand, grid=golden["raw.grid"][0].astype(np.float32) / np.float32(255))
    end = said.outputs["sum"]
    assert end.scale is not None
    assert end.zero_point is not None
    assert given["sum"] == pytest.approx((golden["outputs.sum"][0].astype(np.float32) - end.zero_point) * end.scale)


def test_architectures_of_two_inputs_are_searched(
    data: DatasetRef, context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both scores and the estimate of RAM know both inputs, and the trials are told by the metric of the problem."""
    monkeypatch.setenv(Variable.STUDIES, str(tmp_path / "studies"))
    asked = SearchParams.model_validate(
        {
            "space": {"builder": NETWORK.builder, "choices": {"width": [8, 16]}},
            "trials": 3,
            "sampler": "reinforce",
            "epochs": 1,
            "promoted_epochs": 2,
            "fit": FIT.model_dump(),
        }
    )

    trials = search(SearchInputs(data=data), asked, context).trials
    assert trials is not None
    found = context.store.read(trials, Trials)

    assert [trial.state for trial in found.trials] == ["complete"] * 3
    assert all(trial.synflow and trial.naswot and trial.peak_ram_bytes for trial in found.trials)
    assert found.metric.higher_is_better is False
