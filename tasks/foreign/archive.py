"""The three forms of a Keras file: where each holds its configuration and its weights. Only bytes are read here.

model.keras           zip: config.json, metadata.json, model.weights.h5       (tf_keras and Keras 3)
model.h5              HDF5: attribute model_config, group model_weights       (both)
folder/               SavedModel of tf_keras: keras_metadata.pb, variables/   (its functions are never loaded)
"""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from tasks.contracts.refusal import Refused, refuse

ENTRIES = ("config.json", "metadata.json", "model.weights.h5")


@dataclass(frozen=True)
class Archive:
    """What a file says of its model.

    Attributes:
        config: `{"class_name": ..., "config": {...}}` as Keras wrote it, unchecked.
        keras_version: That wrote it.
        weights: What `Model.load_weights` takes.
    """

    config: dict[str, Any]
    keras_version: str
    weights: str


def open_archive(path: Path, folder: Path) -> Archive:
    """Read what a model file says of its model.

    Args:
        path: A `.keras` or `.h5` file or a SavedModel folder.
        folder: An empty one, for what must be unpacked.

    Raises:
        Refused: The file is none of these, is cut off, or holds no model.
    """
    if path.is_dir():
        return _open_saved_model(path)
    try:
        if path.suffix == ".keras" or (not path.suffix and zipfile.is_zipfile(path)):  # an artifact has no ending
            return _open_zip(path, folder)
        if path.suffix in {".h5", ".hdf5"}:
            return _open_hdf5(path)
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, KeyError) as error:
        raise unreadable(path, f"{type(error).__name__}: {error}") from error
    raise refuse(
        f"{path.name} is not read",
        expected="a .keras or .h5 file, or a SavedModel folder (model.file)",
        got=path.suffix or "a file without an ending",
        fix="save the model with tf_keras: model.save('model.keras')",
    )


def unreadable(path: Path, why: str) -> Refused:
    """Return the refusal of a file that is cut off or changed."""
    return refuse(
        f"{path.name} cannot be read",
        expected="a whole model file",
        got=f"{why}"[:300],
        fix="copy the file again, or save the model anew",
    )


def _open_zip(path: Path, folder: Path) -> Archive:
    with zipfile.ZipFile(path) as archive:
        missing = sorted(set(ENTRIES) - set(archive.namelist()))
        if missing:
            raise unreadable(path, f"a zip without {', '.join(missing)}")
        weights = folder / "model.weights.h5"
        with archive.open("model.weights.h5") as source, weights.open("wb") as target:
            shutil.copyfileobj(source, target)
        config = json.loads(archive.read("config.json"))
        version = json.loads(archive.read("metadata.json"))["keras_version"]
    _check_links(weights, path)
    return Archive(config, version, str(weights))


def _open_hdf5(path: Path) -> Archive:
    _check_links(path, path)
    with h5py.File(path, "r") as file:
        if "model_config" not in file.attrs:
            raise refuse(
                f"{path.name} holds weights without a model",
                expected="a file that model.save wrote",
                got="a file that model.save_weights wrote",
                fix="save the whole model: model.save('model.keras')",
            )
        config, version = file.attrs["model_config"], file.attrs.get("keras_version", "2")
        return Archive(json.loads(config), _text(version), str(path))


def _open_saved_model(path: Path) -> Archive:
    from tf_keras.protobuf import saved_metadata_pb2  # noqa: PLC0415 - only this form needs it

    described = path / "keras_metadata.pb"
    if not described.is_file() or not (path / "variables" / "variables.index").is_file():
        raise refuse(
            f"{path.name} is not a folder that a model can be rebuilt from",
            expected="keras_metadata.pb and variables/, as tf_keras' model.save(folder) writes them",
            got=", ".join(sorted(item.name for item in path.iterdir())[:5]) or "an empty folder",
            fix="save the model with tf_keras: model.save('model.keras')",
        )
    metadata = saved_metadata_pb2.SavedMetadata()
    try:
        metadata.ParseFromString(described.read_bytes())
        root = next(node for node in metadata.nodes if node.node_path == "root")
        config = json.loads(root.metadata)
    except Exception as error:  # protobuf has an error class of its own for each of its implementations
        raise unreadable(path, f"keras_metadata.pb: {error}") from error
    return Archive(
        {"class_name": config.get("class_name"), "config": config.get("config")},
        "2",
        str(path / "variables" / "variables"),
    )


def _check_links(weights: Path, path: Path) -> None:
    """Refuse HDF5 that points to other files: reading it would read them."""
    with h5py.File(weights, "r") as file:
        pending: list[Any] = [file]
        while pending:
            group = pending.pop()
            for name in group:
                link = group.get(name, getlink=True)
                outside = isinstance(link, h5py.ExternalLink)
                item = None if outside or isinstance(link, h5py.SoftLink) else group[name]
                outside = outside or (isinstance(item, h5py.Dataset) and (bool(item.external) or item.is_virtual))
                if outside:
                    raise refuse(
                        f"{path.name} is not read",
                        expected="weights that lie in the file itself",
                        got=f"{name}, which points to another file",
                        fix="save the model anew",
                    )
                if isinstance(item, h5py.Group):
                    pending.append(item)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
