"""What must be true of every exported file: each rule, broken on purpose."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from featherline.tasks.compression.quantization.post_training.calibration import activation_ranges
from featherline.tasks.compression.quantization.post_training.float_reference import Comparison
from featherline.tasks.compression.quantization.post_training.invariants import (
    check_budget,
    check_faithful,
    check_integer,
    check_kept,
    check_kernels,
)
from featherline.tasks.compression.quantization.post_training.layers import layers
from featherline.tasks.compression.quantization.post_training.static import StaticQuantizer
from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.model import LayerWidth, Model, Scheme
from featherline.tasks.contracts.post_training import Calibration, Mixed
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.export import ExportInputs, ExportParams
from featherline.tasks.litert.conversion import convert_apart
from featherline.tasks.litert.graph import read_graph
from featherline.tasks.measuring.weights import zeros
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.model_files import load_model, put_model
from featherline.tasks.problems.opening import open_problem
from featherline.tasks.problems.protocol import Scores
from featherline.tasks.running.context import Context
from featherline.tasks.steps.export import export
from featherline.tasks.store.artifacts import Store

PARAMS = ExportParams(golden=1)
CLASSIFICATION = open_problem("classification")


@pytest.fixture
def store(shared_store: Store) -> Store:
    """Give the store in which the small network is exported once."""
    return shared_store


@pytest.fixture
def half_float(store: Store, small_model: Model, made: dict[str, Any]) -> bytes:
    """Give the small network in int8, its first convolution left float."""
    if "half_float" not in made:
        file = convert_apart(store, small_model, "float32", None).data
        images = np.random.default_rng(0).normal(size=(4, 8, 8, 1)).astype(np.float32)
        quantizer = StaticQuantizer(file, activation_ranges(file, images, Calibration()))
        made["half_float"] = quantizer.all(8, {layers(file)[0].scope: "float"})
    found: bytes = made["half_float"]
    return found


def scored(right: int, samples: int) -> Scores:
    """Give the scores of a file that is right so often."""
    return Scores((np.arange(samples) < right).astype(np.float64), np.zeros(samples, np.int64))


@pytest.mark.parametrize("scheme", ["int8", "static_wmixed_ai8"])
def test_a_float_convolution_is_named(half_float: bytes, scheme: Scheme) -> None:
    """An int8 file with a float convolution is refused by the layer's name; a mixed one that did not choose it too."""
    with pytest.raises(Refused) as refusal:
        check_integer(read_graph(half_float), scheme)

    assert f"CONV_2D ({layers(half_float)[0].name})" in refusal.value.problems[0].got


def test_a_float_convolution_that_was_chosen_is_none(half_float: bytes) -> None:
    """What a mixed file leaves float on purpose is no mistake."""
    first = layers(half_float)[0].name
    chosen = LayerWidth(layer=first, operator="CONV_2D", weights=144, sensitivity={"int8": 0.1}, width="float")

    check_integer(read_graph(half_float), "static_wmixed_ai8", (chosen,))


def test_a_kernel_of_zeros_is_named(
    store: Store, context: Context, digits: tuple[DatasetRef, Dataset], small_model: Model
) -> None:
    """A layer whose weights are all zero passes nothing on, so the export is refused by its name."""
    network = load_model(store, small_model)
    dead = next(layer for layer in network.layers if isinstance(layer, keras.layers.DepthwiseConv2D))
    dead.set_weights([np.zeros_like(weights) for weights in dead.get_weights()])
    broken = small_model.model_copy(update={"file": put_model(store, network)})

    with pytest.raises(Refused) as refusal:
        export(ExportInputs(model=broken, scheme="float32", data=digits[0]), PARAMS, context)

    assert refusal.value.problems[0].got == f"1 kernels of zeros: {dead.name}"


def test_one_weight_is_enough(half_float: bytes) -> None:
    """A trained network passes."""
    check_kernels(read_graph(half_float))


def test_zeros_and_shared_weights_that_the_file_lacks_are_named(half_float: bytes, small_model: Model) -> None:
    """A dense file of a model that claims zeros, or few values, is refused; what it holds is enough."""
    graph = read_graph(half_float)
    held = sum(int(zeros(kernel).sum()) for _, kernel in graph.kernels())
    most = max(np.unique(channel).size for _, kernel in graph.kernels() for channel in kernel.constant)
    claims: list[dict[str, Any]] = [{"sparsity": "magnitude", "zeros": held}, {"clusters": int(most)}]
    for claim in claims:
        check_kept(graph, small_model.model_copy(update=claim))

    with pytest.raises(Refused) as refusal:
        check_kept(graph, small_model.model_copy(update={"sparsity": "2:4", "zeros": held + 1}))
    assert refusal.value.problems[0].got == f"{held} in the file"
    with pytest.raises(Refused) as refusal:
        check_kept(graph, small_model.model_copy(update={"clusters": 2}))
    assert layers(half_float)[0].name in refusal.value.problems[0].got


@pytest.mark.parametrize(
    ("scheme", "form", "refused"),
    [("float32", "keras", True), ("float16", "keras", True), ("int8", "qat_h5", True), ("int8", "keras", False)],
)
def test_a_file_that_is_not_its_model_is_refused(small_model: Model, scheme: Scheme, form: Any, refused: bool) -> None:
    """70 of 100 is not 0.9 where the scheme loses nothing; what int8 after training loses is for the gate."""
    source = small_model.model_copy(update={"validation_quality": 0.9, "format": form})

    if not refused:
        check_faithful(source, scheme, CLASSIFICATION, scored(70, 100))
        return
    with pytest.raises(Refused) as refusal:
        check_faithful(source, scheme, CLASSIFICATION, scored(70, 100))
    assert refusal.value.problems[0].got.startswith("70.00 % [5")


@pytest.mark.parametrize("correct", [0, 1, 99, 100])
def test_the_same_accuracy_is_always_faithful(small_model: Model, correct: int) -> None:
    """At both ends too, where intervals are narrow."""
    source = small_model.model_copy(update={"validation_quality": correct / 100})

    check_faithful(source, "float32", CLASSIFICATION, scored(correct, 100))


def test_an_export_of_another_data_set_s_model_is_refused(
    context: Context, digits: tuple[DatasetRef, Dataset], small_model: Model
) -> None:
    """A model that claims what the file does not show never becomes a file."""
    proud = small_model.model_copy(update={"validation_quality": 0.2})

    with pytest.raises(Refused) as refusal:
        export(ExportInputs(model=proud, scheme="float32", data=digits[0]), PARAMS, context)

    assert refusal.value.problems[0].what == "export made a file that is not the model"


def test_a_budget_that_no_width_keeps_is_refused() -> None:
    """A mixed file that loses more than its budget is not given; one at the budget is."""
    check_budget(Comparison(0.9, 0.01, 1.0, 0.0), Mixed(max_drop=0.01))

    with pytest.raises(Refused):
        check_budget(Comparison(0.9, 0.011, 1.0, 0.0), Mixed(max_drop=0.01))


def test_a_drop_that_is_no_number_is_more_than_is_allowed() -> None:
    """What is lost is compared in one place, for mixed files and for the ladder; on the bound it is allowed."""
    lost = [Comparison(0.9, drop, 1.0, 0.0).loses_more_than(0.01) for drop in (-0.1, 0.01, 0.011, float("nan"))]

    assert lost == [False, False, True, True]
