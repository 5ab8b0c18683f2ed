"""Model files that were made to harm, each with a name: folders, what is no file, and all of the others together."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from tests.tasks.networks.foreign.hostile_configuration import configurations
from tests.tasks.networks.foreign.hostile_hdf5 import hdf5, hdf5_changes
from tests.tasks.networks.foreign.hostile_zip import Good, Make, archives, zipped


def _copied(good: Good, folder: Path) -> Path:
    path = folder / "model"
    (path / "variables").mkdir(parents=True)
    for name in ("keras_metadata.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"):
        (path / name).write_bytes((good.folder / name).read_bytes())
    return path


def _written(good: Good, name: str, data: bytes) -> Make:
    def make(folder: Path) -> Path:
        path = _copied(good, folder)
        (path / name).write_bytes(data)
        return path

    return make


def _linked(good: Good, name: str, target: str) -> Make:
    def make(folder: Path) -> Path:
        path = _copied(good, folder)
        (path / name).unlink()
        (path / name).symlink_to(target)
        return path

    return make


def _piped(good: Good, folder: Path) -> Path:
    path = _copied(good, folder)
    (path / "keras_metadata.pb").unlink()
    os.mkfifo(path / "keras_metadata.pb")
    return path


def _huge(good: Good, folder: Path) -> Path:
    path = _copied(good, folder)
    with (path / "keras_metadata.pb").open("ab") as file:
        file.truncate(10**12)
    return path


def folders(good: Good) -> Iterator[tuple[str, Make]]:
    """Yield SavedModel folders that are not what they say."""
    described = (good.folder / "keras_metadata.pb").read_bytes()
    index = (good.folder / "variables/variables.index").read_bytes()
    data = "variables/variables.data-00000-of-00001"
    for name, text in {"nothing": b"", "half": described[:200], "zeros": bytes(99), "0xff": b"\xff" * 99}.items():
        yield f"a folder described by {name}", _written(good, "keras_metadata.pb", text)
    lies = b"\x0a\xff\xff\xff\xff\x0f"
    yield "a folder with a field of 4 GiB", _written(good, "keras_metadata.pb", lies)
    for name, text in {"nothing": b"", "half": index[: len(index) // 2], "zeros": bytes(999)}.items():
        yield f"a folder with an index of {name}", _written(good, "variables/variables.index", text)
    yield "a folder without numbers", _written(good, data, b"")
    yield "a folder with numbers of zeros", _written(good, data, bytes(10))
    for name in ("keras_metadata.pb", "variables/variables.index", data):
        yield f"a folder with {name} elsewhere", _linked(good, name, "/etc/passwd")
        yield f"a folder with {name} of a device", _linked(good, name, "/dev/zero")
    yield "a folder with a pipe", lambda folder: _piped(good, folder)
    yield "a folder of a terabyte", lambda folder: _huge(good, folder)


def strange(good: Good) -> Iterator[tuple[str, Make]]:
    """Yield what is no file, or another kind of file."""

    def pipe(folder: Path) -> Path:
        os.mkfifo(folder / "pipe.keras")
        return folder / "pipe.keras"

    def to(target: str, name: str) -> Make:
        def make(folder: Path) -> Path:
            (folder / name).symlink_to(target)
            return folder / name

        return make

    def terabyte(name: str) -> Make:
        def make(folder: Path) -> Path:
            with (folder / name).open("wb") as file:
                file.truncate(10**12)
            return folder / name

        return make

    def of(name: str, data: bytes) -> Make:
        def make(folder: Path) -> Path:
            (folder / name).write_bytes(data)
            return folder / name

        return make

    for end in ("keras", "h5"):
        yield f"an endless device as .{end}", to("/dev/zero", f"zero.{end}")
        yield f"nothing as .{end}", to("/dev/null", f"null.{end}")
        yield f"a link to itself as .{end}", to(f"self.{end}", f"self.{end}")
        yield f"an empty .{end}", of(f"empty.{end}", b"")
        yield f"a terabyte of nothing as .{end}", terabyte(f"sparse.{end}")
        yield f"a pickle as .{end}", of(f"pickle.{end}", b"\x80\x04cos\nsystem\n.")
    yield "a zip as .h5", of("zip.h5", b"PK\x03\x04" + bytes(100))
    yield "HDF5 as .keras", of("h5.keras", good.h5)
    yield "a pipe", pipe
    yield "a text", of("model.txt", b"model")
    yield "no ending", of("model", b"\x89HDF\r\n\x1a\n")


def hostile(good: Good) -> Iterator[tuple[str, Make]]:
    """Yield all of them: what it is, and what writes it."""
    for name, value in configurations(good):
        data = json.dumps(value).encode()
        entries = good.entries | {"config.json": data}
        yield f".keras: {name}", lambda folder, entries=entries: zipped(folder / "changed.keras", entries)
    yield from archives(good)
    for name, change in hdf5_changes().items():
        yield f".h5: {name}", lambda folder, change=change: hdf5(good, change, folder)
    yield from folders(good)
    yield from strange(good)
