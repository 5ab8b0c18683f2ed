"""Asking the converter: a child process that cannot take the step down with it, nor outlive it.

    model, calibration ──► folder ──► python -m featherline.tasks.litert.convert ──► bytes

How the child ended decides what the step says: an exception is a crash (retried); a death by a fault of the converter
is exit 139 (the same model kills it again) and leaves a bundle to repeat it with; a kill is memory, exit 137.
"""

from __future__ import annotations

import signal
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from featherline.tasks.contracts.model import Model, Scheme
from featherline.tasks.contracts.references import ArchiveRef, ArrayRef
from featherline.tasks.contracts.request import Exit
from featherline.tasks.data.dataset import Examples
from featherline.tasks.litert.convert import REQUEST, RESULT, VERSIONS, ConversionRequest, float_name
from featherline.tasks.litert.interpreter import Batched, batches_of
from featherline.tasks.running.child import Child, Ended
from featherline.tasks.store.array_rows import RowsWriter
from featherline.tasks.store.artifacts import Store, open_store

CONVERTER = "featherline.tasks.litert.convert"
FAULTS = {signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL}
"""Signals that a program gets for what it did itself."""

LAST_LINES = 25
NO_MEMORY = "std::bad_alloc"
"""What a program in C++ says before it aborts itself for want of memory."""
LOG = "converter.log"


class ConverterDied(SystemExit):
    """The converter died by a signal. The fallback ladder alone catches it; as a SystemExit the code is the step's."""


class ConverterFailed(RuntimeError):  # noqa: N818 - what happened, in the words of the exit codes
    """The converter raised an exception; the message holds its last lines."""


@dataclass(frozen=True)
class Converted:
    """A raw `.tflite` file, the versions of what made it, and the float files that were asked for beside it."""

    data: bytes
    versions: dict[str, str]
    floats: tuple[bytes, ...] = ()


def convert_apart(
    store: Store,
    model: Model,
    scheme: Scheme,
    calibration: Examples | Batched | None,
    *,
    floats: Sequence[Model] = (),
    program: Sequence[str] = (),
) -> Converted:
    """Convert a stored model in a process of its own.

    Args:
        store: Holds the models; gets the bundle if the converter dies.
        model: What to convert. Its ends are those of the file.
        scheme: How the file holds its numbers.
        calibration: Examples by input, (n, …) each, as the model takes them; those that come in batches are written to
            disk, and the converter reads them one by one.
        floats: Models that become float files in the same process.
        program: Runs in the converter's place, called with the folder.

    Raises:
        ConverterDied: By a signal.
        ConverterFailed: By an exception.
    """
    with tempfile.TemporaryDirectory(prefix="featherline-convert-") as name:
        folder = Path(name)
        bench = open_store(name)
        for one in (model, *floats):
            bench.put_bytes(store.read_bytes(one.file), type(one.file))
        arrays = None if calibration is None else _written(calibration, bench, folder)
        request = ConversionRequest(model=model, scheme=scheme, calibration=arrays, floats=tuple(floats))
        (folder / REQUEST).write_bytes(request.to_json())
        with Child(CONVERTER, name, log=folder / LOG, program=program) as converter:  # no keys of the store
            ended = converter.wait()
        if ended.died_of is not None:
            raise _death(store, folder, ended)
        if ended.code == Exit.OUT_OF_MEMORY:
            print(f"export: the converter ran out of memory; its last lines:\n{_tail(ended.said)}")
            raise ConverterDied(int(Exit.OUT_OF_MEMORY))
        if ended.code:
            raise ConverterFailed(
                f"the converter ended with exit code {ended.code}; its last lines:\n{_tail(ended.said)}"
            )
        versions = TypeAdapter(dict[str, str]).validate_json((folder / VERSIONS).read_bytes())
        beside = tuple((folder / float_name(number)).read_bytes() for number in range(len(floats)))
        return Converted((folder / RESULT).read_bytes(), versions, beside)


def _written(examples: Examples | Batched, bench: Store, folder: Path) -> dict[str, ArrayRef]:
    """Write examples into the folder's store, a batch at a time, and return where each input lies."""
    count = len(next(iter(examples.values()))) if isinstance(examples, Mapping) else len(examples)
    with ExitStack() as files:
        writers: dict[str, RowsWriter] = {}
        for batch in batches_of(examples):
            for name, values in dict(batch).items():
                if name not in writers:
                    writers[name] = files.enter_context(RowsWriter(folder / f"{len(writers)}.npy", count))
                writers[name].write(values)
    refs = {name: bench.put_file(writer.path, ArrayRef) for name, writer in writers.items()}
    for writer in writers.values():
        writer.path.unlink()
    return refs


def _death(store: Store, folder: Path, ended: Ended) -> ConverterDied:
    """Say how the converter died, and keep what repeats it where the converter itself is to blame."""
    print(f"export: the converter died of {ended.signal_name}; its last lines:\n{_tail(ended.said)}")
    if ended.died_of == signal.SIGKILL or NO_MEMORY in ended.said:
        print("export: memory ran out, or it was killed from outside")
        return ConverterDied(int(Exit.OUT_OF_MEMORY))
    if ended.died_of not in FAULTS:
        return ConverterDied(ended.code)
    bundle = _bundle(store, folder)
    print(
        f"export: what repeats it is kept at {bundle.uri}\n"
        f"  unzip it into a folder and run: python -m featherline.tasks.litert.convert FOLDER"
    )
    return ConverterDied(int(Exit.CONVERTER_DIED))


def _bundle(store: Store, folder: Path) -> ArchiveRef:
    with tempfile.TemporaryDirectory(prefix="featherline-bundle-") as name:
        path = Path(name, "bundle.zip")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(item for item in folder.rglob("*") if item.is_file()):
                archive.write(file, file.relative_to(folder))
        return store.put_file(path, ArchiveRef)


def _tail(log: str) -> str:
    return "\n".join(f"  {line}" for line in log.splitlines()[-LAST_LINES:]) or "  (it said nothing)"
