"""MACs of networks that fit on a page, and of files that were really converted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featherline.tasks.contracts.model import Model
from featherline.tasks.litert.conversion import convert_apart
from featherline.tasks.litert.graph import Graph, Operator, Tensor, read_graph
from featherline.tasks.measuring import energy
from featherline.tasks.measuring.macs import macs, operator_macs
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.macs import count_macs
from featherline.tasks.networks.model_files import put_model
from featherline.tasks.store.artifacts import open_store
from tests.tasks.measuring.conftest import flat

L = keras.layers
STEPS, WIDTH = 6, 4


def test_macs_are_outputs_times_kernel(network: Graph) -> None:
    """Convolution 64 * 18, depthwise 64 * 9, dense 10 * 64; the addition is not counted."""
    assert [count for _, _, count in operator_macs(network)] == [1152, 576, 640]
    assert macs(network) == 2368


def test_a_transposed_convolution_counts_its_input() -> None:
    """Each of 2x2 inputs of 3 channels lays down a 3x3 kernel of 5 channels: 12 * 45."""
    kernel = np.zeros((5, 3, 3, 3), np.float32)
    graph = Graph(
        tensors=(flat((1, 2, 2, 3)), flat(kernel.shape, kernel), flat((1, 4, 4, 5)), flat((4,), np.zeros(4, np.int32))),
        operators=(Operator("TRANSPOSE_CONV", (3, 1, 0), (2,)),),
        inputs=(0,),
        outputs=(2,),
        minimum_runtime=None,
    )

    assert macs(graph) == 540


def recurrent() -> Any:
    """Return a network with an LSTM over 6 steps of 4 numbers."""
    return keras.Sequential([keras.Input((STEPS, WIDTH)), L.LSTM(5), L.Dense(3)])


def attentive() -> Any:
    """Return a network in which 6 steps of 4 numbers attend to each other, by two heads of 3."""
    inputs = keras.Input((STEPS, WIDTH))
    out = L.MultiHeadAttention(2, 3)(inputs, inputs)
    return keras.Model(inputs, L.Dense(3)(L.GlobalAveragePooling1D()(L.LayerNormalization()(out))))


def converted(model: Any, folder: Path) -> Graph:
    """Return the float file of a model, as the converter's child process makes it."""
    store = open_store(str(folder))
    described = Model(file=put_model(store, model), parameters=1, macs=1, validation_quality=0.5)
    return read_graph(convert_apart(store, described, "float32", None).data)


@pytest.mark.parametrize(
    ("build", "name", "products"),
    [
        (recurrent, "UNIDIRECTIONAL_SEQUENCE_LSTM", STEPS * 4 * (WIDTH * 5 + 5 * 5)),
        (attentive, "BATCH_MATMUL", STEPS * STEPS * 2 * 3),
    ],
)
def test_a_file_costs_what_its_network_costs(build: Any, name: str, products: int, tmp_path: Path) -> None:
    """An LSTM multiplies by all its matrices at each step; attention multiplies two computed tensors, twice."""
    model = build()

    graph = converted(model, tmp_path)

    counts = [count for operator, _, count in operator_macs(graph) if operator.name == name]
    assert counts
    assert set(counts) == {products}
    assert macs(graph) == count_macs(model)
    assert energy.energy_uj(graph, 1024) > 0


def tensor(*shape: int, constant: bool = False) -> Tensor:
    """Return a tensor of zeros, computed or constant."""
    values = np.zeros(shape, np.float32) if constant else None
    return Tensor("", shape, np.dtype(np.float32), values, np.zeros(0, np.float32), np.zeros(0, np.int64))


def of_one(operator: Operator, *tensors: Tensor) -> Graph:
    """Return a network of one operator, whose last tensor is its output."""
    return Graph(tensors, (operator,), (0,), (len(tensors) - 1,), None)


@pytest.mark.parametrize(
    ("left", "right"), [((2, 5, 7), (2, 7, 3)), ((2, 7, 5), (2, 7, 3)), ((2, 5, 7), (2, 3, 7)), ((1, 5, 7), (2, 7, 3))]
)
def test_a_product_of_two_tensors_costs_the_same_whichever_is_turned(
    left: tuple[int, ...], right: tuple[int, ...]
) -> None:
    """Two batches of 5 rows, 3 columns and 7 numbers to sum, each given upright, turned, or once for all batches."""
    graph = of_one(Operator("BATCH_MATMUL", (0, 1), (2,)), tensor(*left), tensor(*right), tensor(2, 5, 3))

    assert macs(graph) == 2 * 5 * 3 * 7


@pytest.mark.parametrize(
    ("name", "inputs", "products"),
    [
        ("UNIDIRECTIONAL_SEQUENCE_RNN", (0, 1, 2, -1, -1), 6 * (20 + 25)),
        ("RNN", (0, 1, 2, -1, -1), 6 * (20 + 25)),
        ("SVDF", (0, 1, 2, -1, -1), 6 * (20 + 25)),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", (0, -1, 1, 1, 1, -1, 2, 2, 2), 6 * 3 * (20 + 25)),
        ("BIDIRECTIONAL_SEQUENCE_RNN", (0, 1, 2, -1, -1, 1, 2, -1, -1, -1, -1, -1), 2 * 6 * (20 + 25)),
    ],
)
def test_a_recurrent_operator_costs_all_its_matrices_at_each_step(
    name: str, inputs: tuple[int, ...], products: int
) -> None:
    """6 steps of 4 numbers, 5 units: 5 x 4 and 5 x 5 for each gate and direction; absent matrices cost nothing."""
    operator = Operator(name, inputs, (3,))
    graph = of_one(operator, tensor(1, 6, 4), tensor(5, 4, constant=True), tensor(5, 5, constant=True), tensor(1, 6, 5))

    assert macs(graph) == products


def test_a_convolution_over_space_and_time_costs_its_kernel_at_each_place() -> None:
    """2 x 2 x 2 places, a kernel of 3 x 3 x 3 from 4 channels to 5."""
    graph = of_one(
        Operator("CONV_3D", (0, 1), (2,)), tensor(1, 4, 4, 4, 4), tensor(3, 3, 3, 4, 5), tensor(1, 2, 2, 2, 5)
    )

    assert macs(graph) == 8 * 27 * 4 * 5
