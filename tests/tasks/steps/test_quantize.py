"""The step quantize: QAT models that convert to all int8, weight clustering, and what is kept on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from pydantic import ValidationError

from featherline.tasks.compression.quantization.post_training.invariants import check_kept
from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.fit import DistillationSettings, Fit
from featherline.tasks.contracts.model import Model
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.quantize import QuantizeInputs, QuantizeOutputs, QuantizeParams
from featherline.tasks.litert.graph import read_graph
from featherline.tasks.networks.framework import keras, tf
from featherline.tasks.networks.model_files import load_model
from featherline.tasks.networks.predict import predict
from featherline.tasks.networks.zeros import kernels, prunable_kernel, sparsity
from featherline.tasks.problems.classification.problem import Classification
from featherline.tasks.problems.scored import quality_value
from featherline.tasks.running.context import Context
from featherline.tasks.steps.quantize import quantize
from featherline.tasks.store.artifacts import Store
from featherline.tasks.training.data import TrainingData, load_training_data
from featherline.tasks.training.describe import describe
from featherline.tasks.training.loop import fit_model

L = keras.layers
FIT = Fit(epochs=1, batch_size=60, learning_rate=1e-3)


@pytest.fixture
def data(store: Store, digits: tuple[DatasetRef, Dataset]) -> TrainingData:
    """Give the digits as arrays."""
    return load_training_data(store, digits[1])


def trained(store: Store, data: TrainingData, *layers: Any, zeros: bool = False) -> Model:
    """Give a network of a convolution and these layers, trained for a moment, half of its weights zero if asked."""
    keras.utils.set_random_seed(0)
    network = keras.Sequential(
        [keras.Input((8, 8, 1)), L.Conv2D(8, 3, use_bias=False), *layers, L.ReLU(), L.Flatten(), L.Dense(10)]
    )
    history = fit_model(network, data, Fit(epochs=3, batch_size=60, learning_rate=5e-3), seed=0, stage="train")
    if not zeros:
        return describe(store, network, data, before=None, stage="train", history=history)
    for layer in network.layers:
        kernel = prunable_kernel(layer)
        if kernel is not None:
            kernel.assign(np.where(np.abs(kernel) > np.median(np.abs(kernel)), kernel, 0))
    return describe(store, network, data, before=None, stage="train", history=history, sparsity="magnitude")


def quantized(model: Model, data: DatasetRef, context: Context, **params: Any) -> QuantizeOutputs:
    """Quantize."""
    given = QuantizeParams.model_validate({"fit": FIT, **params})
    return quantize(QuantizeInputs(model=model, teacher=model, data=data), given, context)


def run(model: Model, data: DatasetRef, context: Context, **params: Any) -> tuple[Model, Any]:
    """Quantize, and give the model with its network, loaded from its file."""
    result = quantized(model, data, context, **params).model
    return result, load_model(context.store, result)


def int8_file(network: Any) -> bytes:
    """Convert a network with int8 input and output."""
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    content: bytes = converter.convert()
    return content


def most_distinct(network: Any) -> int:
    """Return the most distinct values of one kernel."""
    return max(np.unique(kernel).size for kernel in kernels(network).values())


def test_a_qat_model_converts_to_all_int8(
    store: Store, data: TrainingData, digits: tuple[DatasetRef, Dataset], context: Context
) -> None:
    """Every tensor of the file is int8, or int32 for biases; the file is right where the model is."""
    baseline = trained(store, data, L.BatchNormalization(momentum=0.9))

    model, network = run(baseline, digits[0], context, qat=True, distillation=DistillationSettings())

    interpreter = Interpreter(model_content=int8_file(network))
    interpreter.allocate_tensors()
    assert {detail["dtype"] for detail in interpreter.get_tensor_details()} <= {np.int8, np.int32}
    entry, leave = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    scale, zero = entry["quantization"]
    right = 0
    for image, label in zip(data.validation.inputs, data.validation.targets, strict=True):
        interpreter.set_tensor(entry["index"], np.clip(np.round(image / scale + zero), -128, 127).astype(np.int8)[None])
        interpreter.invoke()
        right += int(interpreter.get_tensor(leave["index"]).argmax() == label)
    assert right / len(data.validation.targets) == pytest.approx(model.validation_quality, abs=0.03)
    assert (model.format, model.macs, model.parameters) == ("qat_h5", baseline.macs, baseline.parameters)
    assert model.stages == ("train", "quantize qat")


def test_a_file_can_teach_while_int8_is_learnt(
    store: Store, data: TrainingData, digits: tuple[DatasetRef, Dataset], context: Context, tmp_path: Path
) -> None:
    """The user's own model stands in for the baseline: another teacher, other weights; the same one, the same."""
    baseline = trained(store, data)
    same, other = tmp_path / "same.keras", tmp_path / "other.keras"
    load_model(store, baseline).save(same)
    keras.models.clone_model(load_model(store, baseline)).save(other)

    by_itself, by_file, by_another = (
        np.concatenate([np.ravel(weights) for weights in network.get_weights()])
        for teacher in ({}, {"teacher": str(same)}, {"teacher": str(other), "teacher_preprocessing": "data"})
        for _, network in [run(baseline, digits[0], context, qat=True, distillation={"alpha": 1.0}, **teacher)]
    )

    np.testing.assert_array_equal(by_file, by_itself)
    assert not np.array_equal(by_another, by_file)


def test_the_stored_model_is_the_measured_one(
    store: Store, data: TrainingData, digits: tuple[DatasetRef, Dataset], context: Context
) -> None:
    """Loaded from its file, the model has the accuracy that its description says."""
    model, network = run(trained(store, data, L.BatchNormalization(momentum=0.9)), digits[0], context, qat=True)

    measured = quality_value(Classification(), predict(network, data.validation.inputs), data.validation.targets)

    assert measured == pytest.approx(model.validation_quality, abs=1e-9)


def test_a_sparse_qat_model_keeps_its_zeros(
    store: Store, data: TrainingData, digits: tuple[DatasetRef, Dataset], context: Context
) -> None:
    """Half of the weights were zero and are zero, in the model and in the int8 file."""
    model, network = run(trained(store, data, zeros=True), digits[0], context, qat=True)

    assert sparsity(network) >= 0.5
    assert model.sparsity == "magnitude"
    interpreter = Interpreter(model_content=int8_file(network))
    weights = [
        interpreter.get_tensor(detail["index"])
        for detail in interpreter.get_tensor_details()
        if detail["dtype"] == np.int8 and detail["name"] and detail["shape"].prod() in {72, 2880}
    ]
    found = [weight for weight in weights if (weight == 0).mean() >= 0.5]
    assert len(found) >= 2


def test_a_model_that_learnt_four_bits_is_a_float_model_on_their_grid(
    store: Store, data: TrainingData, digits: tuple[DatasetRef, Dataset], context: Context
) -> None:
    """Fifteen values a channel at most, the baseline as teacher, as accurate from its file as it was measured."""
    baseline = trained(store, data, L.BatchNormalization(momentum=0.9))

    model, network = run(
        baseline, digits[0], context, scheme="static_wi4_ai8", qat=True, distillation=DistillationSettings()
    )

    assert (model.format, model.macs, model.parameters) == ("keras", baseline.macs, baseline.parameters)
    assert model.stages == ("train", "quantize qat, int4")
    assert max(np.unique(kernel[..., 0]).size for kernel in kernels(network).values()) <= 15
    measured = quality_value(Classification(), predict(network, data.validation.inputs), data.validation.targets)
    assert measured == pytest.approx(model.validation_quality, abs=1e-9)


def test_a_sparse_model_that_learns_four_bits_keeps_its_zeros(
    store: Store, data: TrainingData, digits: tuple[DatasetRef, Dataset], context: Context
) -> None:
    """Half of the weights were zero and are zero."""
    model, network = run(trained(store, data, zeros=True), digits[0], context, scheme="static_wi4_ai8", qat=True)

    assert sparsity(network) >= 0.5
    assert model.sparsity == "magnitude"


def test_clustered_kernels_have_few_values(
    store: Store, data: TrainingData, digits: tuple[DatasetRef, Dataset], context: Context
) -> None:
    """No kernel has more than eight distinct values, and the normalisation between them went on learning."""
    baseline = trained(store, data, L.BatchNormalization(momentum=0.5))

    model, network = run(baseline, digits[0], context, scheme="dynamic_wi8_afp32", clusters=8)

    assert most_distinct(network) <= 8
    assert (model.format, model.clusters) == ("keras", 8)
    before, after = (
        next(layer for layer in each.layers if isinstance(layer, L.BatchNormalization)).moving_mean.numpy()
        for each in (load_model(store, baseline), network)
    )
    assert not np.array_equal(before, after)


def test_clusters_and_zeros_survive_qat(
    store: Store, data: TrainingData, digits: tuple[DatasetRef, Dataset], context: Context
) -> None:
    """Clustering, then quantization-aware training: eight values a kernel, one of them zero, for half."""
    fit = FIT.model_copy(update={"weight_decay": 1e-3})

    model, network = run(trained(store, data, zeros=True), digits[0], context, qat=True, clusters=8, fit=fit)

    assert most_distinct(network) <= 8
    assert sparsity(network) >= 0.5
    assert model.clusters == 8
    check_kept(read_graph(int8_file(network)), model)
    assert model.stages == ("train", "cluster 8", "quantize qat keeping 8 clusters and zeros")


def test_the_clustered_model_before_qat_is_kept(
    store: Store, data: TrainingData, digits: tuple[DatasetRef, Dataset], context: Context
) -> None:
    """So that the effect of clustering can be told from that of int8; one alone has nothing between."""
    baseline = trained(store, data)

    both = quantized(baseline, digits[0], context, qat=True, clusters=8)
    alone = quantized(baseline, digits[0], context, clusters=8)

    assert [(model.stages[-1], model.clusters, model.format) for model in both.between] == [("cluster 8", 8, "keras")]
    assert most_distinct(load_model(store, both.between[0])) <= 8
    assert alone.between == ()


def test_clusters_survive_where_every_channel_uses_all_of_them(
    store: Store, data: TrainingData, digits: tuple[DatasetRef, Dataset], context: Context
) -> None:
    """A kernel whose channels have equally many values keeps one set of values, not one a channel."""
    model, network = run(trained(store, data, L.Conv2D(16, 3)), digits[0], context, qat=True, clusters=4)

    assert most_distinct(network) <= 4
    check_kept(read_graph(int8_file(network)), model)


def test_layers_that_are_not_covered_are_refused_before_training(
    store: Store,
    data: TrainingData,
    digits: tuple[DatasetRef, Dataset],
    context: Context,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The refusal names the layer, and no epoch was trained, not even of the clustering."""
    baseline = trained(store, data, L.LayerNormalization(name="odd"))
    capsys.readouterr()

    with pytest.raises(Refused) as refusal:
        run(baseline, digits[0], context, qat=True, clusters=8)

    assert [problem.got for problem in refusal.value.problems] == ["a LayerNormalization"]
    assert "1/1" not in capsys.readouterr().out


def test_two_clusters_are_refused_for_a_sparse_model(
    store: Store, data: TrainingData, digits: tuple[DatasetRef, Dataset], context: Context
) -> None:
    """Zero is one value, so that two clusters would leave a single other one."""
    with pytest.raises(Refused) as refusal:
        run(trained(store, data, zeros=True), digits[0], context, clusters=2)

    assert refusal.value.problems[0].fix.startswith("set quantize.clusters to 3")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"qat": True, "scheme": "dynamic_wi8_afp32"},
            "scheme int8 or static_wi4_ai8 where qat is true, not dynamic_wi8_afp32",
        ),
        ({"qat": True, "scheme": "float32"}, "scheme int8 or static_wi4_ai8 where qat is true, not float32"),
        ({"qat": True, "scheme": "static_wi4_ai8", "clusters": 8}, "no clusters where qat is true for static_wi4_ai8"),
        ({"qat": True, "fit": {"epochs": 0}}, "at least 1 epoch of fit for qat"),
        ({"clusters": 8, "fit": {"epochs": 0}}, "at least 1 epoch of fit for clusters"),
        ({"qat": True, "teacher": "a.keras"}, "distillation beside teacher"),
    ],
)
def test_parameters_that_contradict_each_other_are_refused_at_the_door(given: dict[str, Any], message: str) -> None:
    """What could only fail after the training is refused before the run."""
    with pytest.raises(ValidationError, match=message):
        QuantizeParams.model_validate(given)
