"""The weights in an HDF5 file, copied into a plain one of our own: no links, no filters, no types but numbers.

    foreign file ──► each object once, sizes checked before they are read ──► fresh file, float32

Keras then reads the copy alone, so that nothing of the file reaches it but arrays and the names of layers.
"""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from featherline.tasks.contracts.refusal import Refused, refuse

MOST_OBJECTS = 50_000
MOST_DEPTH = 40
MOST_BYTES = 4 * 2**30
"""Of all weights together, as they lie in memory. No model for a device is a tenth of it."""
MOST_ATTRIBUTE_BYTES = 64 * 2**20
MOST_TIMES_SMALLER = 1_032
"""No data that gzip (deflate) packed is smaller by more."""
LARGEST_CHUNK_BYTES = 512 * 2**20
FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
LISTS = ("layer_names", "weight_names")
"""Attributes that Keras needs, perhaps in numbered pieces."""
OF_KERAS_3 = {f"{part}_dense": f"_{part}_dense" for part in ("query", "key", "value", "output")}
"""Parts of a MultiHeadAttention, as Keras 3 calls them in a file and as tf_keras does."""
LEFT_OUT = {"optimizer", "optimizer_weights", "metrics"}


def copy_weights(source: h5py.Group, target: Path, name: str, group: str = "", *, of_keras_3: bool = False) -> int:
    """Copy all arrays of numbers below `source` into a new file.

    Args:
        source: A group of an open file.
        target: Of the new file.
        name: Of the model file, for messages.
        group: Where in the new file; the root where empty.
        of_keras_3: Keras 3 wrote it, so that some parts change their name.

    Returns:
        How many numbers there are.

    Raises:
        Refused: It holds a link to elsewhere, an object at two places, one of another type, or more than it may.
    """
    with h5py.File(target, "w", libver="latest") as file:
        copy = _Copy(name, OF_KERAS_3 if of_keras_3 else {})
        copy.group(source, file.create_group(group) if group else file, "", 0)
        return copy.numbers


def text_attribute(item: h5py.Group, key: str) -> str | None:
    """Return one attribute that holds a text, or None where there is none of this name. Raises `ValueError`."""
    value = _attribute(item, key)
    if value is None:
        return None
    if isinstance(value, bytes):
        return value.decode()
    if not isinstance(value, str):
        message = f"the attribute {key} is no text"
        raise ValueError(message)  # noqa: TRY004 - of what a file holds
    return value


class _Copy:
    def __init__(self, name: str, renamed: dict[str, str]) -> None:
        self.name = name
        self.renamed = renamed
        self.seen: set[tuple[int, int]] = set()
        self.bytes = 0
        self.numbers = 0

    def group(self, source: h5py.Group, target: h5py.Group, path: str, depth: int) -> None:
        self._count(source, path or "/", depth)
        for key in source.attrs:
            if key.rstrip("0123456789") in LISTS:
                target.attrs[key] = np.array(_texts(source, key), "S") if _texts(source, key) else np.zeros(0, "S1")
            elif key in {"keras_version", "backend"} and (text := text_attribute(source, key)) is not None:
                target.attrs[key] = text
        for key in source:
            inner = f"{path}/{key}"
            if not path and key in LEFT_OUT:
                continue
            link = source.get(key, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise self._refused(
                    "weights that lie in the file itself", f"{inner}, which points to another place or file"
                )
            item = source[key]
            if isinstance(item, h5py.Group):
                self.group(item, target.create_group(self.renamed.get(key, key)), inner, depth + 1)
            elif isinstance(item, h5py.Dataset):
                self._count(item, inner, depth + 1)
                target.create_dataset(key, data=self._array(item, inner))
            else:
                raise self._refused("groups and arrays", f"{inner}, which is neither")

    def _count(self, item: Any, path: str, depth: int) -> None:  # noqa: ANN401 - h5py has no types
        info = h5py.h5o.get_info(item.id)
        if (info.fileno, info.addr) in self.seen:
            raise self._refused("objects that lie at one place", f"{path}, which lies at another place too")
        self.seen.add((info.fileno, info.addr))
        if len(self.seen) > MOST_OBJECTS or depth > MOST_DEPTH:
            raise self._refused(f"at most {MOST_OBJECTS:,} objects, {MOST_DEPTH} deep", f"more, at {path[:80]}")

    def _array(self, item: h5py.Dataset, path: str) -> Any:  # noqa: ANN401
        plan = item.id.get_create_plist()
        filters = {plan.get_filter(number)[0] for number in range(plan.get_nfilters())}
        if item.external or item.is_virtual:
            raise self._refused("weights that lie in the file itself", f"{path}, which points to another file")
        if item.dtype.kind not in "fiub" or item.dtype.itemsize > 8 or filters - FILTERS:  # noqa: PLR2004 - float64
            raise self._refused("plain numbers, packed by nothing but gzip", f"{path} of the type {item.dtype}")
        size = prod(item.shape or (0,)) * item.dtype.itemsize
        stored = item.id.get_storage_size()
        chunk = prod(item.chunks) * item.dtype.itemsize if item.chunks else 0
        self.bytes += size
        if self.bytes > MOST_BYTES:
            raise self._refused(f"at most {MOST_BYTES // 2**30} GiB of weights", f"{path} of {size:,} bytes")
        if size > stored * (MOST_TIMES_SMALLER if filters else 1) or chunk > LARGEST_CHUNK_BYTES:
            raise self._refused("arrays whose numbers are in the file", f"{path}: {size:,} bytes out of {stored:,}")
        array = item[()]
        self.numbers += array.size
        return array.astype(np.float32) if array.dtype.kind == "f" else array

    def _refused(self, expected: str, got: str) -> Refused:
        return refuse(f"{self.name} is not read", expected=expected, got=got, fix="save the model anew")


def _attribute(item: h5py.Group, key: str) -> Any:  # noqa: ANN401
    raw = key.encode()
    if not h5py.h5a.exists(item.id, raw):
        return None
    if h5py.h5a.get_info(item.id, raw).data_size > MOST_ATTRIBUTE_BYTES:
        message = f"the attribute {key} is larger than {MOST_ATTRIBUTE_BYTES // 2**20} MiB"
        raise ValueError(message)
    dtype = h5py.h5a.open(item.id, raw).dtype
    if dtype.kind not in "SfiuO" or (dtype.kind == "O" and h5py.check_string_dtype(dtype) is None):
        message = f"the attribute {key} is no text"
        raise ValueError(message)
    return item.attrs[key]


def _texts(item: h5py.Group, key: str) -> list[bytes]:
    return [
        text if isinstance(text, bytes) else str(text).encode() for text in np.ravel(_attribute(item, key)).tolist()
    ]
