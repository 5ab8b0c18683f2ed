"""Static integers: what is in the file, what it says it needs, and that every runtime computes the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from featherline.tasks.compression.quantization.post_training.calibration import activation_ranges
from featherline.tasks.compression.quantization.post_training.layers import layers
from featherline.tasks.compression.quantization.post_training.static import StaticQuantizer
from featherline.tasks.contracts.model import Width
from featherline.tasks.contracts.post_training import Calibration
from featherline.tasks.contracts.schemes import Activations
from featherline.tasks.litert import flatbuffer
from featherline.tasks.litert.graph import OPERATOR_NAMES, read_graph
from featherline.tasks.litert.interpreter import FileRunner
from featherline.tasks.litert.runtimes import RUNTIMES, Runtime, answer, apart

if TYPE_CHECKING:
    from tests.tasks.compression.quantization.post_training.conftest import Small

Made = dict[str, bytes]


@pytest.fixture(scope="module")
def made(small: Small) -> Made:
    """Give the small file in each scheme that has no converter of its own."""
    quantizer = StaticQuantizer(small.file, activation_ranges(small.file, small.images[:20], Calibration()))
    scopes = [layer.scope for layer in layers(small.file)]
    kinds: dict[str, tuple[Activations, dict[str, Width]]] = {
        "int8": (8, {}),
        "int16x8": (16, {}),
        "static_wi4_ai8": (8, dict.fromkeys(scopes, "int4")),
        "static_wmixed_ai8": (8, {scopes[0]: "float", scopes[2]: "int4"}),
    }
    return {name: quantizer.all(bits, widths) for name, (bits, widths) in kinds.items()}


@pytest.mark.parametrize("scheme", ["int8", "int16x8", "static_wi4_ai8", "static_wmixed_ai8"])
@pytest.mark.parametrize("runtime", RUNTIMES)
def test_every_runtime_gives_the_same(made: Made, small: Small, scheme: str, runtime: Runtime) -> None:
    """XNNPACK, LiteRT's own kernels and TensorFlow Lite Micro are within one step of the output of each other."""
    (raw,) = FileRunner(made[scheme]).quantize(small.images[:8]).values()
    expected = answer(made[scheme], raw, "xnnpack").outputs

    given = answer(made[scheme], raw, runtime)

    assert given.why == ""
    assert expected is not None
    assert given.outputs is not None
    assert apart(given.outputs, expected) <= 1
    assert len(np.unique(given.outputs)) > 4


def test_weights_outside_the_flatbuffer_are_not_what_is_shipped(made: Made) -> None:
    """litert-quantizer leaves weights behind the flatbuffer, where TensorFlow Lite Micro computes with nothing."""
    import ai_edge_litert.schema_py_generated as schema  # noqa: PLC0415

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(made["static_wi4_ai8"], 0))

    assert all(buffer.offset <= 1 for buffer in model.buffers)


@pytest.mark.parametrize(
    ("scheme", "lowest"),
    [("int8", "1.14.0"), ("int16x8", "2.4.0"), ("static_wi4_ai8", "2.11.0"), ("static_wmixed_ai8", "2.11.0")],
)
def test_the_file_says_what_runtime_it_needs(made: Made, scheme: str, lowest: str) -> None:
    """The lowest runtime is that of the newest operator version, not that of the float file."""
    assert read_graph(made[scheme]).minimum_runtime == lowest


def test_operators_have_the_version_of_their_types(made: Made) -> None:
    """A convolution of int4 is version 7, one of float beside it version 1; a code that nobody uses is gone."""
    model = flatbuffer.unpack(made["static_wmixed_ai8"])
    found = {(OPERATOR_NAMES[code.builtinCode], code.version) for code in model.operatorCodes}

    assert {("CONV_2D", 1), ("CONV_2D", 7), ("DEPTHWISE_CONV_2D", 3), ("FULLY_CONNECTED", 4)} <= found


def test_an_unknown_integer_operator_makes_the_runtime_unknown(made: Made) -> None:
    """What nobody looked up is not claimed to run anywhere."""
    from featherline.tasks.litert import versions  # noqa: PLC0415

    model = flatbuffer.unpack(made["int8"])
    for code in model.operatorCodes:
        if OPERATOR_NAMES[code.builtinCode] == "MEAN":
            code.builtinCode = code.deprecatedBuiltinCode = next(
                number for number, name in OPERATOR_NAMES.items() if name == "L2_POOL_2D"
            )

    versions.stamp(model)

    assert read_graph(flatbuffer.pack(model)).minimum_runtime is None


def test_int4_takes_half_the_bytes(made: Made) -> None:
    """Two weights share a byte, and each is one of sixteen values."""
    kernels = [kernel for _, kernel in read_graph(made["static_wi4_ai8"]).kernels() if kernel.int4]

    assert [kernel.size_bytes for kernel in kernels] == [72, 32, 16]
    assert all(kernel.constant is not None and kernel.constant.min() >= -8 for kernel in kernels)
    assert all(kernel.constant is not None and kernel.constant.max() <= 7 for kernel in kernels)


def test_unpacked_int4_weights_are_the_float_ones(made: Made, small: Small) -> None:
    """Weight times scale is the float weight to half a step, wherever it was not cut off."""
    rounded = read_graph(made["static_wi4_ai8"]).kernels()[2][1]
    truth = read_graph(small.file).kernels()[2][1].constant
    assert rounded.constant is not None
    assert truth is not None

    scale = rounded.scale.reshape(-1, 1, 1, 1)
    inner = np.abs(rounded.constant) < 7

    assert inner.sum() > 20
    assert np.abs(rounded.constant * scale - truth)[inner].max() <= scale.max() / 2 + 1e-6


def test_integers_of_sixteen_bits_are_closer_to_float(made: Made, small: Small) -> None:
    """int16 activations lose less than int8 ones, int4 weights more."""
    truth = FileRunner(small.file).predict(small.images)

    errors = {
        scheme: float(np.abs(FileRunner(made[scheme]).predict(small.images) - truth).mean())
        for scheme in ("int16x8", "int8", "static_wi4_ai8")
    }

    assert errors["int16x8"] < errors["int8"] < errors["static_wi4_ai8"]


def test_equal_requests_give_equal_bytes(made: Made, small: Small) -> None:
    """Calibrating and rounding once more gives the same file."""
    quantizer = StaticQuantizer(small.file, activation_ranges(small.file, small.images[:20], Calibration()))

    assert quantizer.all(16, {}) == made["int16x8"]
