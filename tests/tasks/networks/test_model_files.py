"""Models in the store: what a step stored is read back, and what someone else planted there runs nothing."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from featherline.tasks.contracts.model import Model
from featherline.tasks.contracts.references import ModelFileRef
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.networks.framework import keras, tf
from featherline.tasks.networks.model_files import load_model, put_model
from featherline.tasks.store.artifacts import Store

SHAPE = (8, 8, 1)
layers = keras.layers


def described(file: ModelFileRef, form: str) -> Model:
    """Return a result that names a file, as the step before would have."""
    known = {"file": file, "format": form, "input_shape": SHAPE, "classes": 10, "parameters": 1, "macs": 1}
    return Model.model_construct(**known)


def network(*inside: Any) -> Any:
    """Give a small classifier with these layers in it."""
    return keras.Sequential([keras.Input(SHAPE), *inside, layers.Flatten(), layers.Dense(10, name="end")])


def with_code(folder: Path, form: str) -> Path:
    """Give a file with a Lambda that makes `planted` in the folder when it is called, and so when it is loaded."""
    mark = str(folder / "planted")

    def write(image: Any) -> Any:
        tf.io.gfile.makedirs(mark)
        return image

    path = folder / f"model.{form}"
    network(layers.Lambda(write)).save(path)
    Path(mark).rmdir()
    return path


def changed(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Change the configuration in a file, of either form, at its last layer."""
    if path.suffix == ".h5":
        with h5py.File(path, "a") as file:
            config = json.loads(file.attrs["model_config"])
            change(config["config"]["layers"][-1])
            file.attrs["model_config"] = json.dumps(config)
        return path
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(entries["config.json"])
    change(config["config"]["layers"][-1])
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, json.dumps(config) if name == "config.json" else data)
    return path


@pytest.mark.parametrize(("form", "suffix"), [("qat_h5", "h5"), ("keras", "keras")])
def test_a_planted_model_runs_no_code(store: Store, tmp_path: Path, form: str, suffix: str) -> None:
    """A result that names a file with a marshalled function is refused by the next step and runs nothing."""
    model = described(store.put_file(with_code(tmp_path, suffix), ModelFileRef), form)

    with pytest.raises(Refused, match="holds code"):
        load_model(store, model)

    assert not (tmp_path / "planted").exists()


def imports(module: str, name: str) -> Callable[[dict[str, Any]], None]:
    """Return a change that makes an activation of a function of any module."""
    planted = {"module": module, "class_name": "function", "config": name, "registered_name": name}
    return lambda layer: layer["config"].update(activation=planted)


def becomes(kind: str, **config: Any) -> Callable[[dict[str, Any]], None]:
    """Return a change that makes a layer one of another class."""
    return lambda layer: layer.update({"class_name": kind, "config": {"name": "end", **config}, "module": "os"})


@pytest.mark.parametrize("suffix", ["h5", "keras"])
@pytest.mark.parametrize(
    "change",
    [
        imports("os", "system"),
        imports("subprocess", "getoutput"),
        imports("tensorflow.python.lib.io.file_io", "delete_file"),
        becomes("system"),
        becomes("TFOpLambda", function="io.write_file"),
        becomes("SlicingOpLambda", function="io.read_file"),
        becomes("TFOpLambda", function="keras.utils.get_file"),
        becomes("StringLookup", vocabulary="/etc/passwd"),
        becomes("TimeDistributed", layer={"class_name": "Lambda", "config": {"function": ["4wA=", None, None]}}),
        becomes("RNN", cell={"class_name": "Lambda", "config": {}}),
        becomes("Bidirectional", layer={"class_name": "TFSMLayer", "config": {"filepath": "/x"}}),
        becomes("QuantizeWrapperV2", layer={"class_name": "Lambda", "config": {}}, quantize_config=None),
        becomes("Dense", units=10, kernel_initializer={"module": "os", "class_name": "system", "config": {}}),
        becomes("Dense", units=10, kernel_regularizer={"module": "builtins", "class_name": "eval", "config": "1"}),
        becomes("Dense", units=10, kernel_constraint="get"),
        becomes("Dense", units=10, activation="deserialize"),
    ],
)
def test_a_name_imports_and_calls_nothing(
    store: Store, tmp_path: Path, suffix: str, change: Callable[[dict[str, Any]], None]
) -> None:
    """Whatever a configuration calls a class or a function, only what is listed can come of it."""
    path = tmp_path / f"model.{suffix}"
    network().save(path)
    form = "qat_h5" if suffix == "h5" else "keras"
    model = described(store.put_file(changed(path, change), ModelFileRef), form)

    with pytest.raises(Refused):
        load_model(store, model)


def test_what_a_step_stores_comes_back(store: Store) -> None:
    """A network with models inside it, shared layers and operators gives the same numbers after the store."""
    inputs = keras.Input(SHAPE)
    shared = layers.Conv2D(1, 3, padding="same", activation="swish")
    inner = keras.Sequential([keras.Input(SHAPE), layers.BatchNormalization(), layers.ReLU()])
    x = tf.nn.relu(shared(inner(shared(inputs))) * 0.5) + inputs
    model = keras.Model(inputs, layers.Dense(10)(layers.Flatten()(layers.RandomFlip()(x))))
    images = np.random.default_rng(0).normal(size=(5, *SHAPE)).astype(np.float32)

    again = load_model(store, described(put_model(store, model), "keras"))

    assert np.array_equal(again(images, training=False), model(images, training=False))
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
