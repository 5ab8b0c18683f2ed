"""A good model file, and zips made of it to harm."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from featherline.tasks.networks.framework import keras

Make = Callable[[Path], Path]
"""Writes one file into a folder and returns its path."""
SHAPE = (8, 8, 1)
ENTRIES = ("config.json", "metadata.json", "model.weights.h5")


class Good:
    """A good file in each form, of which the others are made."""

    def __init__(self, folder: Path) -> None:
        """Save it."""
        layers = keras.layers
        inputs = keras.Input(SHAPE, name="input")
        x = layers.Conv2D(4, 3, name="conv")(inputs)
        x = layers.BatchNormalization(name="norm")(x)
        x = layers.Flatten(name="flat")(layers.ReLU(name="relu")(x))
        model = keras.Model(inputs, layers.Dense(10, name="dense")(x), name="good")
        self.parameters = int(model.count_params())
        model.save(folder / "good.keras")
        model.save(folder / "good.h5")
        model.save(folder / "good", save_format="tf")
        self.folder = folder / "good"
        with zipfile.ZipFile(folder / "good.keras") as archive:
            self.entries = {name: archive.read(name) for name in archive.namelist()}
        self.h5 = (folder / "good.h5").read_bytes()
        self.config: dict[str, Any] = json.loads(self.entries["config.json"])

    def changed(self) -> dict[str, Any]:
        """Return a copy of its configuration to change."""
        copy: dict[str, Any] = json.loads(self.entries["config.json"])
        return copy


def zipped(path: Path, entries: dict[str, bytes], **options: Any) -> Path:
    """Write a zip."""
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def texts() -> dict[str, bytes]:
    """Return what lies where a configuration should."""
    return {
        "nothing at all": b"",
        "half a mapping": b'{"class_name": "Functional", "config": {',
        "no UTF-8": b'{"class_name": "\xff\xfe"}',
        "UTF-16": '{"class_name": "Functional"}'.encode("utf-16"),
        "a hundred thousand lists": b"[" * 100_000 + b"]" * 100_000,
        "a hundred thousand mappings": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "five hundred lists": b"[" * 500 + b"]" * 500,
        "a number of 5,000 digits": b'{"class_name": ' + b"9" * 5_000 + b"}",
        "an infinity": b'{"class_name": "Functional", "config": {"layers": [Infinity]}}',
        "no number": b'{"class_name": "Functional", "config": {"layers": [NaN]}}',
        "1e999": b'{"class_name": "Functional", "config": {"layers": [1e999]}}',
        "zeros": bytes(1000),
    }


def archives(good: Good) -> Iterator[tuple[str, Make]]:
    """Yield zips that are not what they say."""
    entries = good.entries

    def of(**changed: Any) -> dict[str, bytes]:
        return {name: changed.get(name.partition(".")[0], data) for name, data in entries.items()}

    for number, missing in enumerate(ENTRIES):
        rest = {name: data for name, data in entries.items() if name != missing}
        yield f"without {missing}", lambda folder, rest=rest, n=number: zipped(folder / f"m{n}.keras", rest)
    for name, data in texts().items():
        yield f"config.json of {name}", lambda folder, data=data: zipped(folder / "c.keras", of(config=data))
        yield f"metadata.json of {name}", lambda folder, data=data: zipped(folder / "m.keras", of(metadata=data))
    for name, data in {
        "a list": b"[1]",
        "a number": b"3",
        "a version that is a list": b'{"keras_version": [3]}',
    }.items():
        yield f"metadata.json of {name}", lambda folder, data=data: zipped(folder / "m.keras", of(metadata=data))
    weights = {"no HDF5": b"weights", "half": entries["model.weights.h5"][:3000], "zeros": bytes(4096)}
    for name, data in weights.items():
        yield f"weights of {name}", lambda folder, data=data: zipped(folder / "w.keras", of(model=data))
    yield (
        "20 MB of blanks",
        lambda folder: zipped(
            folder / "b.keras", of(config=b" " * 20_000_000 + entries["config.json"]), compression=zipfile.ZIP_DEFLATED
        ),
    )
    yield (
        "weights that swell",
        lambda folder: zipped(folder / "b.keras", of(model=bytes(40_000_000)), compression=zipfile.ZIP_DEFLATED),
    )
    yield "packed by bzip2", lambda folder: zipped(folder / "z.keras", entries, compression=zipfile.ZIP_BZIP2)
    yield "an empty zip", lambda folder: zipped(folder / "e.keras", {})
    yield "encrypted", lambda folder: _patched(folder, entries, 6, 8, b"\x01\x00")
    yield "a size that lies", lambda folder: _patched(folder, entries, 22, 24, struct.pack("<I", 10))
    yield "a size of 4 GiB", lambda folder: _patched(folder, entries, 22, 24, b"\xfe\xff\xff\xff")
    yield "a link", _linked_entry(good)
    yield "an entry twice", _twice_in(good)


def _patched(folder: Path, entries: dict[str, bytes], local: int, central: int, data: bytes) -> Path:
    """Change a field in the header of every entry, in both places that a zip has it."""
    path = zipped(folder / "p.keras", entries)
    raw = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", local), (b"PK\x01\x02", central)):
        at = raw.find(mark)
        while at >= 0:
            raw[at + offset : at + offset + len(data)] = data
            at = raw.find(mark, at + 4)
    path.write_bytes(raw)
    return path


def _linked_entry(good: Good) -> Make:
    def make(folder: Path) -> Path:
        with zipfile.ZipFile(folder / "l.keras", "w") as archive:
            for name, data in good.entries.items():
                entry = zipfile.ZipInfo(name)
                entry.external_attr = 0o120777 << 16 if name == "config.json" else 0o644 << 16
                archive.writestr(entry, b"/etc/passwd" if name == "config.json" else data)
        return folder / "l.keras"

    return make


def _twice_in(good: Good) -> Make:
    def make(folder: Path) -> Path:
        with zipfile.ZipFile(folder / "t.keras", "w") as archive:
            for name, data in [*good.entries.items(), ("config.json", b"{}")]:
                archive.writestr(name, data)
        return folder / "t.keras"

    return make
