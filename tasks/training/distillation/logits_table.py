"""The logits of one teacher for the batches of an epoch: a file while they are used, in the store for others.

    units of work (examples, seed of their views) ──► parts of some thousand examples
        part ──► in the store? ──► read                  logits/<key of teacher and data>/<units>-<part>.npy
                     └──► no: teacher ──► logits ──► store
        ──► a file without a name, of this machine ──► [rows]

A part is one object, sealed and replaced whole, so that a step that was killed has lost the part that it was at. Two
steps that need the same table at once begin at different places, and find what the other has done.
"""

from __future__ import annotations

import hashlib
import io
import os
import random
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.store.array_file import read_npy
from featherline.tasks.store.artifacts import Store
from featherline.tasks.store.disk import writing

PART_EXAMPLES = 8192
"""Of a part, at least: few enough to lose when a step is killed, enough to be worth an object of the store."""
SEAL_BYTES = 32


class Unit(NamedTuple):
    """What the teacher is given at once.

    Attributes:
        examples: (k,) their places in the data.
        seed: (2,) of their views; of no account where views do not move.
    """

    examples: NDArray[np.int64]
    seed: NDArray[np.int32]


class LogitsTable:
    """Logits in the order of the units, (n, outputs) float32, on disk."""

    def __init__(
        self,
        units: Sequence[Unit],
        compute: Callable[[Unit], NDArray[np.float32]],
        outputs: int,
        store: Store | None = None,
        key: str = "",
    ) -> None:
        """Fill the table: with what the store has, and with what the teacher says where it has nothing.

        Args:
            units: In order.
            compute: Asks the teacher, for (k, outputs) float32.
            outputs: Of the teacher.
            store: Is asked first, and gets what is new; None where nobody else will want it.
            key: Of all that decides what the teacher says about these units.
        """
        self.computed = 0
        self._units, self._compute, self._outputs, self._store = units, compute, outputs, store
        self._prefix = f"logits/{key}"
        self._starts = np.cumsum([0, *(len(unit.examples) for unit in units)])
        self._file = tempfile.TemporaryFile(prefix="featherline-logits-")  # noqa: SIM115 - as long as the table
        parts = _parts(units)
        first = random.SystemRandom().randrange(len(parts)) if store else 0  # two steps at once begin apart
        for number in [*range(first, len(parts)), *range(first)]:
            self._fill(number, parts[number])

    def rows(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return the logits from one place to another, (stop - start, outputs)."""
        size = 4 * self._outputs
        data = os.pread(self._file.fileno(), (stop - start) * size, start * size)
        return np.frombuffer(data, np.float32).reshape(stop - start, self._outputs)

    def taken(self, places: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the logits of some places, (k, outputs)."""
        return np.concatenate([self.rows(place, place + 1) for place in places.tolist()])

    def _fill(self, number: int, span: slice) -> None:
        start, stop = (int(self._starts[place]) for place in (span.start, span.stop))
        name = f"{self._prefix}-{number:05d}.npy"
        logits = self._stored(name, (stop - start, self._outputs))
        if logits is None:
            logits = np.concatenate([self._compute(unit) for unit in self._units[span]])
            self.computed += stop - start
            if self._store is not None:
                data = _as_npy(logits)
                self._store.blobs.replace(name, _seal(name, data) + data)
        with writing(Path(tempfile.gettempdir()), logits.nbytes):
            os.pwrite(
                self._file.fileno(), np.ascontiguousarray(logits, np.float32).tobytes(), 4 * self._outputs * start
            )

    def _stored(self, name: str, shape: tuple[int, int]) -> NDArray[np.float32] | None:
        """Return a part that the store has; None where it has none, or one that is damaged, which is said."""
        sealed = self._store.blobs.read(name) if self._store is not None else None
        if sealed is None:
            return None
        data = sealed[SEAL_BYTES:]
        if sealed[:SEAL_BYTES] == _seal(name, data):
            found = read_npy(data)
            if found.shape == shape and found.dtype == np.float32:
                return found
        print(f"{name} is damaged: the teacher is asked again")
        return None


def _parts(units: Sequence[Unit]) -> list[slice]:
    """Return consecutive units of at least `PART_EXAMPLES` examples together; the last part may have fewer."""
    parts, start, count = [], 0, 0
    for number, unit in enumerate(units, 1):
        count += len(unit.examples)
        if count >= PART_EXAMPLES or number == len(units):
            parts.append(slice(start, number))
            start, count = number, 0
    return parts


def units_digest(units: Sequence[Unit]) -> str:
    """Return one digest for the examples of all units in their order, and for the seeds of their views."""
    said = hashlib.sha256()
    for unit in units:
        said.update(np.int64(len(unit.examples)).tobytes() + unit.seed.astype(np.int32).tobytes())
        said.update(np.ascontiguousarray(unit.examples, np.int64).tobytes())
    return said.hexdigest()[:32]


def _as_npy(logits: NDArray[np.float32]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, logits, allow_pickle=False)
    return buffer.getvalue()


def _seal(name: str, data: bytes) -> bytes:
    """Return what says that these bytes are this very part."""
    return hashlib.sha256(name.encode() + b"\0" + data).digest()
