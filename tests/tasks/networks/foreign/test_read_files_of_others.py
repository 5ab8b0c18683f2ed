"""Model files that people bring: each is read as the function that was saved. Needs the shared data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from featherline.tasks.networks.foreign.archive import open_archive
from featherline.tasks.networks.foreign.build import build_model
from featherline.tasks.networks.framework import keras

ROOT = Path(os.environ.get("FEATHERLINE_TEST_DATA", Path(__file__).parents[5] / "shared" / "data")).parent / "cases"
pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not ROOT.exists(), reason=f"no {ROOT}"),
]
OF_KERAS_3 = (
    *("f13_k3_seq", "f1_k3_transfer", "hard_sigmoid", "k3-Dropout_Noise", "k3-LayerNorm", "k3-RandomFlip"),
    *("k3-act_hard_silu", "k3-nested_functional", "k3-x_0_5"),
)
OF_KERAS_2 = (
    *("a1_rescaling_nc.keras", "a2_div255_nc.keras", "a3_normalization_nc.keras", "order.h5", "f3_binary_sigmoid.h5"),
)


def read(name: str, folder: Path) -> Any:
    """Read a case."""
    path = ROOT / "models" / name
    return build_model(open_archive(path, folder), name)


def images_for(model: Any) -> Any:
    """Give images of the size that a model takes."""
    return np.random.default_rng(0).uniform(0, 255, size=(4, *model.input_shape[1:])).astype(np.float32)


@pytest.mark.parametrize("name", OF_KERAS_3)
def test_a_file_of_keras_3_computes_what_it_did(tmp_path: Path, name: str) -> None:
    """Keras 3 itself and what is rebuilt of its file give the same numbers."""
    keras3 = pytest.importorskip("keras", minversion="3")
    saved = keras3.models.load_model(ROOT / "models" / f"{name}.keras", compile=False)

    found = read(f"{name}.keras", tmp_path)

    images = images_for(found)
    assert np.allclose(found(images, training=False), np.asarray(saved(images, training=False)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", OF_KERAS_2)
def test_a_file_of_tf_keras_computes_what_it_did(tmp_path: Path, name: str) -> None:
    """So do tf_keras and what is rebuilt of its own."""
    saved = keras.models.load_model(ROOT / "models" / name, compile=False)

    found = read(name, tmp_path)

    images = images_for(found)
    assert np.array_equal(found(images, training=False), saved(images, training=False))


def test_hard_sigmoid_gives_the_saved_values(tmp_path: Path) -> None:
    """0.9167 at 2.5 and 0.3333 at -1, not 1.0 and 0.3."""
    found = read("hard_sigmoid.keras", tmp_path)

    assert np.ravel(found(np.array([2.5, -1.0], np.float32).reshape(1, 1, 1, 2))) == pytest.approx(
        [0.916667, 0.333333], abs=1e-5
    )


def test_mixed_precision_becomes_float32(tmp_path: Path) -> None:
    """Every layer computes in float32, with the weights of the file."""
    saved = keras.models.load_model(ROOT / "models" / "f11_k2_mixed.h5", compile=False)

    found = read("f11_k2_mixed.h5", tmp_path)

    assert {layer.compute_dtype for layer in found.layers} == {"float32"}
    assert all(np.array_equal(a, b) for a, b in zip(found.get_weights(), saved.get_weights(), strict=True))
