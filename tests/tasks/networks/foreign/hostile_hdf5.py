"""HDF5 files that were made to harm: one thing changed in that of a good model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tests.tasks.networks.foreign.hostile_zip import Good, texts

KERNEL = "model_weights/conv/conv/kernel:0"


def _root_inside(file: h5py.File) -> None:
    file["model_weights/loop"] = file["/"]


def _itself(file: h5py.File) -> None:
    file["model_weights/conv/loop"] = file["model_weights"]


def _replaced(**options: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[KERNEL]
        file.create_dataset(KERNEL, **options)

    return change


def _linked(link: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[KERNEL]
        file[KERNEL] = link

    return change


def _virtual(file: h5py.File) -> None:
    del file[KERNEL]
    layout = h5py.VirtualLayout(shape=(3, 3, 1, 4), dtype="f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(3, 3, 1, 4))
    file.create_virtual_dataset(KERNEL, layout)


def _partial(file: h5py.File) -> None:
    del file[KERNEL]
    data = file.create_dataset(KERNEL, (10**6, 10**6), "f4", chunks=(1000, 1000), compression="gzip")
    data[0, 0] = 1


def _attribute(name: str, value: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        file["model_weights"].attrs[name] = value

    return change


def _config(value: Any) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file.attrs["model_config"]
        if value is not None:
            file.attrs["model_config"] = value

    return change


def _deep(file: h5py.File) -> None:
    group = file["model_weights"]
    for _ in range(100):
        group = group.create_group("g")


def _many(file: h5py.File) -> None:
    group = file["model_weights"]
    for number in range(3):
        group = group.create_group(f"more{number}")
        group["again"] = file[KERNEL]


def _reference(file: h5py.File) -> None:
    del file[KERNEL]
    file.create_dataset(KERNEL, data=np.array([file.ref], h5py.ref_dtype), dtype=h5py.ref_dtype)


def _gone(name: str) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[name]

    return change


def hdf5_changes() -> dict[str, Callable[[h5py.File], Any]]:
    """Return changes to the HDF5 file of a good model, by what they make of it."""
    return {
        "the root inside itself": _root_inside,
        "a group inside itself": _itself,
        "a weight at two places": _many,
        "a hundred groups, one in another": _deep,
        "a soft link": _linked(h5py.SoftLink("/model_weights/norm/norm/gamma:0")),
        "a soft link to nothing": _linked(h5py.SoftLink("/nothing")),
        "a soft link to itself": _linked(h5py.SoftLink(f"/{KERNEL}")),
        "another file": _linked(h5py.ExternalLink("/etc/passwd", "/")),
        "a device": _linked(h5py.ExternalLink("/dev/zero", "/")),
        "a type": _linked(np.dtype("f4")),
        "a group for a weight": lambda file: (file.__delitem__(KERNEL), file.create_group(KERNEL)),
        "a virtual weight": _virtual,
        "a weight outside": _replaced(shape=(36,), dtype="f4", external=[("/etc/passwd", 0, 144)]),
        "a weight of a device": _replaced(shape=(10**9,), dtype="f4", external=[("/dev/zero", 0, 4 * 10**9)]),
        "4 TB that are not there": _partial,
        "4 TB of a fill value": _replaced(shape=(10**6, 10**6), dtype="f4", fillvalue=1, chunks=(100, 100)),
        "4 EB in one piece": _replaced(shape=(2**30, 2**30), dtype="f4"),
        "a weight of text": _replaced(data=np.array(["x"] * 36, object), dtype=h5py.string_dtype()),
        "a weight of references": _reference,
        "a weight of pairs": _replaced(data=np.zeros(36, [("a", "f4"), ("b", "f4")])),
        "a weight of bytes": _replaced(data=np.zeros(36, "V16")),
        "a weight of lists": _replaced(shape=(36,), dtype=h5py.vlen_dtype(np.float32)),
        "a weight of complex numbers": _replaced(data=np.zeros((3, 3, 1, 4), complex)),
        "a weight of another shape": _replaced(data=np.zeros((3, 3, 4, 1), "f4")),
        "a weight without a number": _replaced(data=np.zeros((0, 3, 1, 4), "f4")),
        "a weight that is nothing": _replaced(data=h5py.Empty("f4")),
        "a weight that is one number": _replaced(data=np.float32(3)),
        "a weight packed by lzf": _replaced(data=np.zeros((3, 3, 1, 4), "f4"), chunks=(3, 3, 1, 4), compression="lzf"),
        "no weight": _gone(KERNEL),
        "no layer": _gone("model_weights/conv"),
        "no weights": _gone("model_weights"),
        "layers of nobody": _attribute("layer_names", [b"nobody"]),
        "layers of the root": _attribute("layer_names", [b"/"]),
        "layers above": _attribute("layer_names", [b".."]),
        "layers that are numbers": _attribute("layer_names", np.arange(5)),
        "layers that are one number": _attribute("layer_names", 3),
        "layers that are references": _attribute("layer_names", np.array([], h5py.ref_dtype)),
        "a version that is a list": lambda file: file.attrs.__setitem__("keras_version", [3, 1]),
        "a configuration that is a number": _config(3),
        "a configuration that is a list": _config(["a", "b"]),
        "a configuration that is empty": _config(h5py.Empty("S10")),
        "a configuration of bytes": _config(np.void(b"\xff" * 100)),
        "no configuration": _config(None),
        **{f"a configuration of {name}": _config(np.bytes_(text[:60_000] or b" ")) for name, text in texts().items()},
    }


def circling(good: Good, folder: Path) -> Path:
    """Write an HDF5 file whose configuration is a text of variable length, and that length nothing."""
    path = folder / "circling.h5"
    path.write_bytes(good.h5)
    with h5py.File(path, "a") as file:
        del file.attrs["model_config"]
        file.attrs.create("model_config", "{}", dtype=h5py.string_dtype())
    data = bytearray(path.read_bytes())
    heap = data.find(b"GCOL")
    while heap >= 0:
        data[heap + 24 : heap + 32] = bytes(8)
        heap = data.find(b"GCOL", heap + 4)
    path.write_bytes(data)
    return path


def hdf5(good: Good, change: Callable[[h5py.File], None], folder: Path) -> Path:
    """Write a changed HDF5 file."""
    path = folder / "changed.h5"
    path.write_bytes(good.h5)
    with h5py.File(path, "a") as file:
        change(file)
    return path
