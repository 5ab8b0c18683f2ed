"""Every scheme, exported for real, in every runtime that can run it; of the others, why they cannot."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest

from featherline.tasks.contracts.model import LiteRTModel, Scheme
from featherline.tasks.litert.graph import read_graph
from featherline.tasks.litert.runtimes import RUNTIMES, Runtime, answer, apart, main
from featherline.tasks.store.artifacts import Store

Exported = Callable[[Scheme], LiteRTModel]

LOWEST: dict[Scheme, str] = {
    "float32": "1.6.0",
    "float16": "1.15.0",
    "int8": "1.14.0",
    "int16x8": "2.4.0",
    "static_wi4_ai8": "2.11.0",
    "weight_only_wi8_afp32": "2.7.0",
    "weight_only_wi4_afp32": "2.18.0",
}
"""TensorFlow Lite that has every operator, as the file itself says."""

NOT_IN_MICRO: dict[Scheme, str] = {
    "float16": "float16 is not supported: its weights pass through DEQUANTIZE of float16",
    "dynamic_wi8_afp32": "hybrid operators, float in and int8 inside, do not exist there",
    "dynamic_wi4_afp32": "the same",
    "weight_only_wi4_afp32": "DEQUANTIZE of int4 does not exist there",
}
"""What TensorFlow Lite Micro does not run."""

WRONG_IN_MICRO: tuple[Scheme, ...] = ("weight_only_wi8_afp32",)
"""What it runs, and computes wrong: its DEQUANTIZE knows no step for each channel."""


@pytest.fixture
def store(shared_store: Store) -> Store:
    """Give the store in which the small network is exported once."""
    return shared_store


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("scheme", get_args(Scheme))
def test_runtimes_agree(exported: Exported, store: Store, scheme: Scheme, runtime: Runtime) -> None:
    """Each that runs the file is within one step of the golden outputs, or a ten-thousandth where they are float."""
    model = exported(scheme)
    golden = np.load(io.BytesIO(store.read_bytes(model.golden)), allow_pickle=False)

    given = answer(store.read_bytes(model.file), golden["inputs.image"], runtime)

    if runtime == "tflite-micro" and scheme in NOT_IN_MICRO:
        assert given.outputs is None
        assert given.why
        return
    if runtime == "tflite-micro" and scheme in WRONG_IN_MICRO:
        assert given.outputs is not None
        assert apart(given.outputs, golden["outputs.logits"]) > 1
        return
    assert given.outputs is not None, given.why
    span = float(np.ptp(golden["outputs.logits"].astype(np.float64)))
    # Dynamic files round activations while they run, each kernel in its own way: a step is a 255th of the span.
    allowed = {"f": span / 255 if scheme.startswith("dynamic") else 1e-4}.get(golden["outputs.logits"].dtype.kind, 1.0)
    assert apart(given.outputs, golden["outputs.logits"]) <= allowed


@pytest.mark.parametrize("scheme", list(LOWEST))
def test_files_say_what_runtime_they_need(exported: Exported, store: Store, scheme: Scheme) -> None:
    """The lowest runtime is in the file, and in what is measured of it."""
    assert read_graph(store.read_bytes(exported(scheme).file)).minimum_runtime == LOWEST[scheme]


def test_a_runtime_that_is_not_known_is_not_claimed(exported: Exported, store: Store) -> None:
    """No source says since when int4 weights with float activations run, so no rule on the runtime can pass."""
    assert read_graph(store.read_bytes(exported("dynamic_wi4_afp32").file)).minimum_runtime is None


def test_the_command_names_every_runtime(exported: Exported, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m featherline.tasks.litert.runtimes` says for each whether it runs the file, and why not."""
    with store.fetched(exported("dynamic_wi8_afp32").file, ".tflite") as path:
        main(path)

    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said[:3]] == list(RUNTIMES)
    assert "runs it, 0 from the first" in said[0]
    assert "does not run it: " in said[2]
