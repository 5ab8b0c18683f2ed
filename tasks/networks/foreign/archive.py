"""The three forms of a Keras file: where each holds its configuration and its weights. Only bytes are read here.

model.keras           zip: config.json, metadata.json, model.weights.h5       (tf_keras and Keras 3)
model.h5              HDF5: attribute model_config, group model_weights       (both)
folder/               SavedModel of tf_keras: keras_metadata.pb, variables/   (its functions are never loaded)

The configuration is read and made harmless first; only then are the weights copied, to a file of our own.
"""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import h5py

from featherline.tasks.contracts.refusal import Refused, refuse
from featherline.tasks.networks.foreign import saved_model, text
from featherline.tasks.networks.foreign.configuration import harmless
from featherline.tasks.networks.foreign.hdf5 import MOST_BYTES, copy_weights, text_attribute

ENTRIES = ("config.json", "metadata.json", "model.weights.h5")
MOST_METADATA_BYTES = 2**20
MOST_TIMES_SMALLER = 20
"""Trained weights are noise, which no zip packs well."""
ALWAYS_UNPACKED_BYTES = 16 * 2**20

BROKEN = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, NotImplementedError, RecursionError),
    *(OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, OverflowError, IndexError),
)
"""What the readers of zip, HDF5 and JSON raise over a file that was cut off, changed or made up."""


@dataclass(frozen=True)
class Archive:
    """What a file says of its model.

    Attributes:
        config: `{"class_name": ..., "config": {...}}`, harmless.
        keras_version: That wrote it.
        weights: What `Model.load_weights` takes: a copy of our own.
        numbers: How many numbers the weights are.
        was_called: A sequential model without an input layer was built, so that it has weights.
    """

    config: dict[str, Any]
    keras_version: str
    weights: str
    numbers: int
    was_called: bool = False

    @property
    def of_keras_3(self) -> bool:
        """Return whether Keras 3 wrote it."""
        return self.keras_version.startswith("3")


def open_archive(path: Path, folder: Path, *, quantized: bool = False, name: str = "") -> Archive:
    """Read what a model file says of its model.

    Args:
        path: A `.keras` or `.h5` file or a SavedModel folder.
        folder: An empty one, for the copy of the weights.
        quantized: Whether it may have the wrappers of TFMOT, as files of our own have.
        name: For messages; that of the file where empty.

    Raises:
        Refused: The file is none of these, is cut off, holds no model, or names what is not allowed.
    """
    name = name or path.name
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            config, weights, numbers = saved_model.read(path)
            return _archive(name, config, "2", weights, numbers)
        if not stat.S_ISREG(mode):
            raise _no_model(name, "a device, a pipe or a socket")
        if path.suffix == ".keras" or (not path.suffix and zipfile.is_zipfile(path)):  # an artifact has no ending
            return _open_zip(path, folder, name)
        if path.suffix in {".h5", ".hdf5"}:
            return _open_hdf5(path, folder, name, quantized=quantized)
    except BROKEN as error:
        raise unreadable(name, f"{type(error).__name__}: {error}") from error
    raise _no_model(name, path.suffix or "a file without an ending")


def unreadable(name: str, why: str) -> Refused:
    """Return the refusal of a file that is cut off or changed."""
    return refuse(
        f"{name} cannot be read",
        expected="a whole model file",
        got=f"{why}"[:300],
        fix="copy the file again, or save the model anew",
    )


def _no_model(name: str, got: str) -> Refused:
    return refuse(
        f"{name} is not read",
        expected="a .keras or .h5 file, or a SavedModel folder (model.file)",
        got=got,
        fix="save the model with tf_keras: model.save('model.keras')",
    )


def _archive(
    name: str,
    config: Any,  # noqa: ANN401 - JSON
    version: str,
    weights: str,
    numbers: int,
    *,
    quantized: bool = False,
) -> Archive:
    inside = config.get("config") if isinstance(config, dict) else None
    was_called = isinstance(config, dict) and bool(
        config.get("build_config") or (isinstance(inside, dict) and inside.get("build_input_shape"))
    )
    clean = harmless(config, name, of_keras_3=version.startswith("3"), quantized=quantized)
    return Archive(clean, version, weights, numbers, was_called)


def _open_zip(path: Path, folder: Path, name: str) -> Archive:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        missing = sorted(set(ENTRIES) - set(names))
        if missing:
            raise unreadable(name, f"a zip without {', '.join(missing)}")
        if twice := sorted(entry for entry in ENTRIES if names.count(entry) > 1):
            raise unreadable(name, f"a zip with {', '.join(twice)} twice")
        config = text.parse(_entry(archive, "config.json", text.MOST_BYTES))
        metadata = text.parse(_entry(archive, "metadata.json", MOST_METADATA_BYTES))
        version = metadata.get("keras_version") if isinstance(metadata, dict) else None
        if not isinstance(version, str):
            raise unreadable(name, "metadata.json without keras_version")
        known = _archive(name, config, version, "", 0)
        packed = folder / "packed.h5"
        with packed.open("wb") as target:
            _copy(archive, "model.weights.h5", MOST_BYTES, target)
    weights = folder / "model.weights.h5"
    with h5py.File(packed, "r") as file:
        numbers = copy_weights(file, weights, name, of_keras_3=version.startswith("3"))
    packed.unlink()
    return Archive(known.config, version, str(weights), numbers, known.was_called)


def _entry(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    _check_entry(archive.getinfo(name), most)
    with archive.open(name) as source:
        data = source.read(most + 1)
    if len(data) > most:
        raise _too_large(name, most)
    return data


def _copy(archive: zipfile.ZipFile, name: str, most: int, target: IO[bytes]) -> None:
    _check_entry(archive.getinfo(name), most)
    left = most
    with archive.open(name) as source:
        while piece := source.read(2**20):
            left -= len(piece)
            if left < 0:
                raise _too_large(name, most)
            target.write(piece)


def _check_entry(entry: zipfile.ZipInfo, most: int) -> None:
    """Raise `ValueError` for an entry that is no plain file of a likely size."""
    if entry.file_size > max(ALWAYS_UNPACKED_BYTES, MOST_TIMES_SMALLER * entry.compress_size):
        message = f"{entry.filename} of {entry.compress_size:,} bytes, which would unpack to {entry.file_size:,}"
        raise ValueError(message)
    if entry.file_size > most:
        raise _too_large(entry.filename, most)
    if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        message = f"{entry.filename} is encrypted, or packed by something other than deflate"
        raise ValueError(message)
    if stat.S_ISLNK(entry.external_attr >> 16):
        message = f"{entry.filename} is a link"
        raise ValueError(message)


def _too_large(name: str, most: int) -> ValueError:
    return ValueError(f"{name} of more than {most // 2**20} MiB")


def _open_hdf5(path: Path, folder: Path, name: str, *, quantized: bool) -> Archive:
    with h5py.File(path, "r") as file:
        config = text_attribute(file, "model_config")
        if config is None:
            raise refuse(
                f"{name} holds weights without a model",
                expected="a file that model.save wrote",
                got="a file that model.save_weights wrote",
                fix="save the whole model: model.save('model.keras')",
            )
        version = text_attribute(file, "keras_version") or "2"
        known = _archive(name, text.parse(config), version, "", 0, quantized=quantized)
        group = file["model_weights"] if isinstance(file.get("model_weights", getlink=True), h5py.HardLink) else None
        if not isinstance(group, h5py.Group):
            raise unreadable(name, "a file without the group model_weights")
        weights = folder / "copied.h5"
        numbers = copy_weights(group, weights, name, "model_weights")
    return Archive(known.config, version, str(weights), numbers, known.was_called)
