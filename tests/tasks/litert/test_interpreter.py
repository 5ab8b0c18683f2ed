"""Running a file with LiteRT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.litert import flatbuffer
from featherline.tasks.litert.interpreter import Classifier, _dequantize, _quantize

IMAGES = np.array([[1, 2, 3, 4], [0, 0, 0, 0]], np.float32).reshape(2, 2, 2, 1)
INT8 = {"dtype": np.int8, "quantization": (0.5, 3)}


def test_gives_logits_for_each_image(dense_file: bytes) -> None:
    """Pixels 1, 2, 3, 4 give 1, 2 * 2 and their sum plus a half; no pixels give the bias."""
    logits = Classifier(dense_file).logits(IMAGES)

    assert logits.tolist() == [[1.0, 4.0, 10.5], [0.0, 0.0, 0.5]]
    assert logits.dtype == np.float32


def test_takes_a_path(dense_file: bytes, tmp_path: Path) -> None:
    """A file on disk runs as its bytes do."""
    (tmp_path / "dense.tflite").write_bytes(dense_file)

    assert Classifier(tmp_path / "dense.tflite").logits(IMAGES)[0].tolist() == [1.0, 4.0, 10.5]


def test_knows_its_ends(dense_file: bytes) -> None:
    """The image's shape and the number of classes are those of the file."""
    classifier = Classifier(dense_file)

    assert (classifier.image_shape, classifier.classes) == ((2, 2, 1), 3)


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
        Classifier(dense_file).logits(np.zeros((1, 4, 4, 1), np.float32))

    assert refusal.value.problems[0].got == "(4, 4, 1)"
    assert "(2, 2, 1)" in refusal.value.problems[0].expected


def test_outputs_that_are_not_finite_are_refused(broken_file: bytes) -> None:
    """A NaN in the logits is never handed on."""
    with pytest.raises(Refused) as refusal:
        Classifier(broken_file).logits(IMAGES)

    assert refusal.value.problems[0].got == "NaN or infinity for 2 of 2 images, first for number 0"


def test_two_outputs_are_refused(objects: Any) -> None:
    """A file with two outputs is no classifier."""
    objects.subgraphs[0].outputs = np.array([3, 3], np.int32)

    with pytest.raises(Refused) as refusal:
        Classifier(flatbuffer.pack(objects))

    assert refusal.value.problems[0].what == "the file is no image classifier"


def test_a_batch_is_refused(objects: Any) -> None:
    """A file that takes two images at a time is refused."""
    objects.subgraphs[0].tensors[0].shape = np.array([2, 2, 2, 1], np.int32)
    objects.subgraphs[0].tensors[3].shape = np.array([2, 3], np.int32)

    with pytest.raises(Refused) as refusal:
        Classifier(flatbuffer.pack(objects))

    assert "(2, 2, 2, 1)" in refusal.value.problems[0].got


def test_what_the_runtime_does_not_take_is_refused(objects: Any) -> None:
    """An operator version from the future is refused with the runtime's own words."""
    objects.operatorCodes[0].version = 99

    with pytest.raises(Refused) as refusal:
        Classifier(flatbuffer.pack(objects))

    assert "FULLY_CONNECTED" in refusal.value.problems[0].got
