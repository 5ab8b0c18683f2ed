"""A SavedModel folder of tf_keras: what it says of its layers, and where its variables lie. Its functions are not read.

keras_metadata.pb                        protobuf: nodes, of which the one with the path "root" has the configuration
variables/variables.index, .data-…       read by TensorFlow
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.networks.foreign import text
from featherline.tasks.networks.foreign.hdf5 import MOST_BYTES

MOST_METADATA_BYTES = 64 * 2**20
MOST_INDEX_BYTES = 16 * 2**20
MOST_FILES = 1_000
NODES, PATH, METADATA = 1, 3, 5
"""Numbers of fields in tf_keras/protobuf/saved_metadata.proto."""
VARINT, FIXED_64, TEXT, FIXED_32 = 0, 1, 2, 5
"""Kinds of fields on the wire: https://protobuf.dev/programming-guides/encoding/"""


def read(path: Path) -> tuple[Any, str, int]:
    """Return the configuration in a folder, the prefix of its variables, and at most how many numbers these are.

    Raises:
        Refused: The folder lacks a file, or holds one that is no file or too large.
        ValueError: The metadata are cut off or changed.
    """
    described, variables = path / "keras_metadata.pb", path / "variables"
    index = variables / "variables.index"
    if not described.exists() or not index.exists():
        raise refuse(
            f"{path.name} is not a folder that a model can be rebuilt from",
            expected="keras_metadata.pb and variables/, as tf_keras' model.save(folder) writes them",
            got=", ".join(sorted(item.name for item in path.iterdir())[:5]) or "an empty folder",
            fix="save the model with tf_keras: model.save('model.keras')",
        )
    files = list(variables.iterdir())
    for file, most in [
        (described, MOST_METADATA_BYTES),
        (index, MOST_INDEX_BYTES),
        *((one, MOST_BYTES) for one in files),
    ]:
        found = file.lstat()
        if variables.is_symlink() or not stat.S_ISREG(found.st_mode) or found.st_size > most or len(files) > MOST_FILES:
            raise refuse(
                f"{path.name} is not read",
                expected=f"plain files, {file.name} of at most {most // 2**20} MiB",
                got=f"{found.st_size:,} bytes"
                if stat.S_ISREG(found.st_mode)
                else f"{file.name}, which is no plain file",
                fix="save the model anew",
            )
    config = _root(described.read_bytes())
    numbers = sum(file.stat().st_size for file in files)
    return (
        {"class_name": config.get("class_name"), "config": config.get("config")},
        str(variables / "variables"),
        numbers,
    )


def _root(data: bytes) -> dict[str, Any]:
    for number, node in _fields(data):
        if number == NODES:
            fields = dict(_fields(node))
            if fields.get(PATH) == b"root":
                config = text.parse(fields.get(METADATA, b""))
                if isinstance(config, dict):
                    return config
    message = "keras_metadata.pb without a model"
    raise ValueError(message)


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the fields of a message that hold bytes; the others are passed over."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == TEXT:
            size, at = _varint(data, at)
            if at + size > len(data):
                message = "keras_metadata.pb is cut off"
                raise ValueError(message)
            yield key >> 3, data[at : at + size]
            at += size
        elif kind == VARINT:
            _, at = _varint(data, at)
        elif kind in (FIXED_64, FIXED_32):
            at += 8 if kind == FIXED_64 else 4
        else:
            message = "keras_metadata.pb is not of its kind"
            raise ValueError(message)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for count in range(10):
        if at + count >= len(data):
            break
        byte = data[at + count]
        value |= (byte & 0x7F) << (7 * count)
        if not byte & 0x80:
            return value, at + count + 1
    message = "keras_metadata.pb is cut off"
    raise ValueError(message)
