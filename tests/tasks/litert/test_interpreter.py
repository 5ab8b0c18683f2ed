"""Running a file with LiteRT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.litert import flatbuffer
from featherline.tasks.litert.convert import convert
from featherline.tasks.litert.interpreter import FileRunner, _dequantize, _quantize
from featherline.tasks.networks.framework import keras

IMAGES = np.array([[1, 2, 3, 4], [0, 0, 0, 0]], np.float32).reshape(2, 2, 2, 1)
INT8 = {"dtype": np.int8, "quantization": (0.5, 3)}


def test_gives_logits_for_each_image(dense_file: bytes) -> None:
    """Pixels 1, 2, 3, 4 give 1, 2 * 2 and their sum plus a half; no pixels give the bias."""
    logits = FileRunner(dense_file).predict(IMAGES)

    assert logits.tolist() == [[1.0, 4.0, 10.5], [0.0, 0.0, 0.5]]
    assert logits.dtype == np.float32


def test_takes_a_path(dense_file: bytes, tmp_path: Path) -> None:
    """A file on disk runs as its bytes do."""
    (tmp_path / "dense.tflite").write_bytes(dense_file)

    assert FileRunner(tmp_path / "dense.tflite").predict(IMAGES)[0].tolist() == [1.0, 4.0, 10.5]


def test_knows_its_ends(dense_file: bytes) -> None:
    """The shapes of input and output are those of the file."""
    ends = FileRunner(dense_file).ends

    assert [spec.shape for spec in (*ends.inputs.values(), *ends.outputs.values())] == [(2, 2, 1), (3,)]


def test_quantizes_by_scale_and_zero_point() -> None:
    """1.0 at scale 0.5 and zero point 3 is 5; what is outside int8 is clipped."""
    raw = _quantize(np.array([1.0, 0.0, -1.26, 1000.0, -1000.0], np.float32), INT8)

    assert raw.tolist() == [5, 3, 0, 127, -128]
    assert raw.dtype == np.int8


def test_dequantizes_by_scale_and_zero_point() -> None:
    """5 at scale 0.5 and zero point 3 is 1.0, also where the difference does not fit into int8."""
    assert _dequantize(np.array([5, 3, -128], np.int8), INT8).tolist() == [1.0, 0.0, -65.5]


def test_other_images_are_refused(dense_file: bytes) -> None:
    """Images of another shape are refused with both shapes."""
    with pytest.raises(Refused) as refusal:
        FileRunner(dense_file).predict(np.zeros((1, 4, 4, 1), np.float32))

    assert refusal.value.problems[0].got == "(4, 4, 1)"
    assert "(2, 2, 1)" in refusal.value.problems[0].expected


def test_a_sole_input_is_fed_whatever_its_name(dense_file: bytes) -> None:
    """A data set's name for its input need not be the file's, which another tool may have made."""
    runner = FileRunner(dense_file)

    assert runner.predict({"of the data": IMAGES}).tolist() == runner.predict(IMAGES).tolist()


def test_outputs_that_are_not_finite_are_refused(broken_file: bytes) -> None:
    """A NaN in the logits is never handed on."""
    with pytest.raises(Refused) as refusal:
        FileRunner(broken_file).predict(IMAGES)

    assert refusal.value.problems[0].got == "NaN or infinity for 2 of 2 examples, first for number 0"


def test_whole_numbers_without_a_scale_go_in_and_out_as_they_are() -> None:
    """The place of a word is no quantized value: nothing is divided by a scale of 0."""
    words = {"dtype": np.int32, "quantization": (0.0, 0)}

    assert _quantize(np.array([0, 7, 300]), words).tolist() == [0, 7, 300]
    assert _dequantize(np.array([0, 7, 300], np.int32), words).tolist() == [0.0, 7.0, 300.0]


def test_several_inputs_are_fed_by_name() -> None:
    """Left and right are told apart by their names, in whatever order they come; a lacking one is refused."""
    left, right = keras.Input((2,), name="left"), keras.Input((2,), name="a_right")
    less = keras.layers.Subtract()([left, right])
    file = FileRunner(convert(keras.Model({"left": left, "a_right": right}, {"y": less}), "float32"))
    given = {"left": np.array([[5, 7]], np.float32), "a_right": np.array([[1, 2]], np.float32)}

    assert file.predict(given).tolist() == file.predict(dict(reversed(given.items()))).tolist() == [[4.0, 5.0]]
    assert list(file.ends.outputs) == ["y"]
    with pytest.raises(Refused):
        file.predict({"left": given["left"]})


def test_a_batch_is_refused(objects: Any) -> None:
    """A file that takes two images at a time is refused."""
    objects.subgraphs[0].tensors[0].shape = np.array([2, 2, 2, 1], np.int32)
    objects.subgraphs[0].tensors[3].shape = np.array([2, 3], np.int32)

    with pytest.raises(Refused) as refusal:
        FileRunner(flatbuffer.pack(objects))

    assert "(2, 2, 2, 1)" in refusal.value.problems[0].got


def test_what_the_runtime_does_not_take_is_refused(objects: Any) -> None:
    """An operator version from the future is refused with the runtime's own words."""
    objects.operatorCodes[0].version = 99

    with pytest.raises(Refused) as refusal:
        FileRunner(flatbuffer.pack(objects))

    assert "FULLY_CONNECTED" in refusal.value.problems[0].got
