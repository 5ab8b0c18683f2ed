"""Measuring exported files of a small real network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.measurement import Measurement
from featherline.tasks.contracts.model import LiteRTModel, Model, Scheme
from featherline.tasks.contracts.problems.classification import ClassificationDetails
from featherline.tasks.contracts.references import DatasetRef, LiteRTFileRef, ModelFileRef
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.evaluate import EvaluateInputs, EvaluateOutputs, EvaluateParams
from featherline.tasks.contracts.steps.export import ExportInputs, ExportParams
from featherline.tasks.data.dataset import read_split, split_digest
from featherline.tasks.litert import flatbuffer
from featherline.tasks.litert.interpreter import FileRunner
from featherline.tasks.modalities.image.preprocessing import model_inputs, own_of
from featherline.tasks.networks.model_files import load_model, put_model
from featherline.tasks.running.context import Context
from featherline.tasks.steps.evaluate import evaluate, table
from featherline.tasks.steps.export import export
from featherline.tasks.store.artifacts import Store
from tests.tasks.exported import converting_once

PARAMS = EvaluateParams(candidate="small", runs=20)
Exported = Callable[[Scheme], LiteRTModel]


@pytest.fixture
def store(shared_store: Store) -> Store:
    """Give the store in which the small network is exported once."""
    return shared_store


@pytest.fixture
def baseline(exported: Exported, context: Context, digits: tuple[DatasetRef, Dataset], made: dict[str, Any]) -> Any:
    """Give the evaluated float file."""
    if "baseline" not in made:
        inputs = EvaluateInputs(model=exported("float32"), data=digits[0])
        made["baseline"] = evaluate(inputs, EvaluateParams(runs=20), context)
    return made["baseline"]


@pytest.fixture
def integer(
    exported: Exported,
    baseline: EvaluateOutputs,
    context: Context,
    digits: tuple[DatasetRef, Dataset],
    made: dict[str, Any],
) -> Measurement:
    """Give the measurement of the int8 file, against the float one."""
    if "integer" not in made:
        inputs = EvaluateInputs(
            model=exported("int8"), data=digits[0], baseline=baseline.model, baseline_measurement=baseline.measurement
        )
        made["integer"] = evaluate(inputs, PARAMS, context)
    return context.store.read(made["integer"].measurement, Measurement)


def test_outputs_are_those_of_the_file(integer: Measurement, store: Store, digits: tuple[DatasetRef, Dataset]) -> None:
    """The stored logits are what the file gives for the test split, and accuracy and confusion count them."""
    examples, labels = read_split(store, digits[1], "test")
    images = examples["image"]
    logits = FileRunner(store.read_bytes(integer.file)).predict(model_inputs(images, own_of(digits[1].inputs["image"])))

    assert np.array_equal(store.read_array(integer.outputs), logits)
    assert integer.quality.value == (logits.argmax(axis=1) == labels).mean()
    details = store.read(integer.details, ClassificationDetails)
    assert integer.quality.value == np.trace(np.array(details.confusion)) / integer.samples
    assert integer.test_sha256 == split_digest(digits[1], "test")


def test_the_ledger_goes_from_the_baseline_by_every_stage_to_the_file(
    baseline: EvaluateOutputs,
    small_model: Model,
    context: Context,
    digits: tuple[DatasetRef, Dataset],
    made: dict[str, Any],
) -> None:
    """What the lane began with is the baseline; each model after it is a float file; the last is the one measured."""
    first = small_model.model_copy(
        update={"file": context.store.put_bytes(b"the teacher, not converted", ModelFileRef)}
    )
    pruned = small_model.model_copy(update={"stages": ("train", "prune channel")})
    shared = load_model(context.store, small_model)
    shared.layers[1].kernel.assign(np.sign(shared.layers[1].kernel))
    clustered = pruned.model_copy(update={"file": put_model(context.store, shared), "stages": ("train", "cluster 2")})
    asked = ExportInputs(
        model=pruned, scheme="int8", data=digits[0], stages=(first, pruned, pruned), between=(clustered,)
    )
    with converting_once(made):
        exported = export(asked, ExportParams(golden=1), context).model

    inputs = EvaluateInputs(
        model=exported, data=digits[0], baseline=baseline.model, baseline_measurement=baseline.measurement
    )
    measured = context.store.read(evaluate(inputs, PARAMS, context).measurement, Measurement)

    between = ["prune channel", "cluster 2"]
    assert [entry.stage for entry in measured.ledger] == ["float baseline", *between, "export int8"]
    assert [stage.stage for stage in exported.stages] == between
    assert measured.ledger[1].size_bytes == exported.stages[0].file.bytes
    assert measured.ledger[3].size_bytes == measured.size_bytes < measured.ledger[1].size_bytes
    assert measured.ledger[3].macs == measured.macs


def test_interval_holds_the_accuracy(integer: Measurement) -> None:
    """The interval lies around the accuracy at the confidence that was asked for."""
    quality = integer.quality
    assert quality.low <= quality.value <= quality.high
    assert quality.low < quality.high
    assert quality.confidence == 0.95


def test_sizes_are_in_order(integer: Measurement, store: Store) -> None:
    """The file is as large as it is; compressed it is smaller, and no smaller than its weights' entropy."""
    assert integer.size_bytes == len(store.read_bytes(integer.file))
    assert integer.entropy_bytes < min(integer.gzip_bytes, integer.zstd_bytes) < integer.size_bytes


def test_macs_and_parameters_are_those_of_the_network(integer: Measurement) -> None:
    """The five layers' MACs and folded parameters, as worked out by hand."""
    macs = (64 * 16 * 9) + (64 * 16 * 9) + (64 * 16 * 16) + (16 * 32 * 9 * 16) + 320
    parameters = (144 + 16) + (144 + 16) + (256 + 16) + (16 * 32 * 9 + 32) + (320 + 10)

    assert (integer.macs, integer.parameters) == (macs, parameters)


def test_ram_is_recorded_where_the_micro_runtime_loads(integer: Measurement) -> None:
    """The int8 file runs in TensorFlow Lite Micro, and needs at least two of the widest activations."""
    assert integer.peak_ram_method == "tflite-micro"
    assert 2 * 8 * 8 * 16 < integer.peak_ram_bytes < 20_000


def test_ram_is_estimated_where_it_does_not(
    exported: Exported, context: Context, digits: tuple[DatasetRef, Dataset], capsys: pytest.CaptureFixture[str]
) -> None:
    """A file with hybrid operators is measured by liveness, and the log says why."""
    out = evaluate(EvaluateInputs(model=exported("dynamic_wi8_afp32"), data=digits[0]), PARAMS, context)
    measured = context.store.read(out.measurement, Measurement)

    assert measured.peak_ram_method == "liveness"
    assert measured.peak_ram_bytes == 3 * 4 * 8 * 8 * 16
    assert "Hybrid models are not supported" in capsys.readouterr().out


def test_agreement_and_speedup_need_a_baseline(integer: Measurement, baseline: EvaluateOutputs, store: Store) -> None:
    """Against the float file both are there; for the float file itself neither is."""
    alone = store.read(baseline.measurement, Measurement)

    assert integer.agreement is not None
    assert integer.agreement > 0.9
    assert integer.latency_ms.speedup is not None
    assert (alone.agreement, alone.latency_ms.speedup, alone.latency_ms.baseline_p50) == (None, None, None)


def test_int8_costs_less_than_float(integer: Measurement, baseline: EvaluateOutputs, store: Store) -> None:
    """The energy estimate of the int8 file is below half of the float one, and is called an estimate."""
    alone = store.read(baseline.measurement, Measurement)

    assert integer.energy_uj < alone.energy_uj / 2
    assert "estimate" in integer.energy_method


def test_floats_are_counted(integer: Measurement, baseline: EvaluateOutputs, store: Store) -> None:
    """All operators of the float file are float, none of the int8 file; both name their lowest runtime."""
    alone = store.read(baseline.measurement, Measurement)

    assert (integer.float_operators, alone.float_operators) == (0, sum(alone.operators.values()))
    assert (integer.minimum_runtime, alone.minimum_runtime) == ("1.14.0", "1.6.0")
    assert integer.runtime.startswith("ai-edge-litert 2.")


def test_what_does_not_move_is_measured_alike(
    integer: Measurement,
    exported: Exported,
    baseline: EvaluateOutputs,
    context: Context,
    digits: tuple[DatasetRef, Dataset],
) -> None:
    """A second measurement differs in nothing but the times."""
    inputs = EvaluateInputs(
        model=exported("int8"), data=digits[0], baseline=baseline.model, baseline_measurement=baseline.measurement
    )
    again = context.store.read(evaluate(inputs, PARAMS, context).measurement, Measurement)

    times = {"latency_ms": True, "ledger": {"__all__": {"latency_ms_p50"}}}
    assert again.model_dump(exclude=times) == integer.model_dump(exclude=times)


def test_a_file_that_gives_nan_is_refused(
    exported: Exported, context: Context, digits: tuple[DatasetRef, Dataset]
) -> None:
    """A file with NaN among its weights is not measured."""
    store = context.store
    objects = flatbuffer.unpack(store.read_bytes(exported("float32").file))
    for buffer in objects.buffers:
        if buffer.data is not None and len(buffer.data) == 4 * 9 * 16 * 32:
            buffer.data = np.frombuffer(np.full(9 * 16 * 32, np.nan, np.float32).tobytes(), np.uint8)
    file = store.put_bytes(flatbuffer.pack(objects), LiteRTFileRef)
    broken = exported("float32").model_copy(update={"file": file})

    with pytest.raises(Refused) as refusal:
        evaluate(EvaluateInputs(model=broken, data=digits[0]), PARAMS, context)

    assert refusal.value.problems[0].what == "the file gives outputs that are not finite"


def test_other_classes_are_refused(exported: Exported, context: Context, digits: tuple[DatasetRef, Dataset]) -> None:
    """A file of ten classes is not measured on data of eleven."""
    more = context.store.put(digits[1].model_copy(update={"vocabulary": (*digits[1].vocabulary, "ten")}), DatasetRef)

    with pytest.raises(Refused) as refusal:
        evaluate(EvaluateInputs(model=exported("float32"), data=more), PARAMS, context)

    assert refusal.value.problems[0].got == "100 test examples, outputs of the shape (10,)"


def test_a_baseline_of_other_images_is_refused(
    exported: Exported, baseline: EvaluateOutputs, context: Context, digits: tuple[DatasetRef, Dataset]
) -> None:
    """Predictions for another test split are not compared with."""
    splits = digits[1].splits | {"test": digits[1].splits["validation"]}
    other = context.store.put(digits[1].model_copy(update={"splits": splits}), DatasetRef)
    inputs = EvaluateInputs(model=exported("float32"), data=other, baseline_measurement=baseline.measurement)

    with pytest.raises(Refused) as refusal:
        evaluate(inputs, PARAMS, context)

    assert refusal.value.problems[0].what == "evaluate cannot compare small with the baseline"


def test_the_table_names_every_quantity(integer: Measurement) -> None:
    """The lines for people hold the numbers of the measurement."""
    text = table(integer)

    assert f"{100 * integer.quality.value:.2f} %" in text
    assert f"{integer.macs:,} MACs" in text
    assert "by tflite-micro" in text
    assert "x [" in text
