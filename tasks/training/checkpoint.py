"""Where a training is, in the store, so that a killed one goes on from its last epoch.

    with checkpoint_of(context) as checkpoint:
        history = fit_model(..., checkpoint=checkpoint)
        ...                                                     the step's result is stored

    checkpoints/<key>.npz      one object, sealed, replaced whole; gone when the step is done, kept when it fails

The key is that of the work (`Context.work`): no training goes on from another's state. A step that is called without
`execute` has no key, and keeps no state.
"""

from __future__ import annotations

import hashlib
import io
import time
import zipfile
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.model import TrainingHistory
from featherline.tasks.contracts.safe_text import visible
from featherline.tasks.running.context import Context
from featherline.tasks.store.array_file import read_npy
from featherline.tasks.store.artifacts import Store

EVERY_SECONDS = 5.0
"""At most one write in this time."""

MOST_OF_TIME = 0.03
"""At most this part of the time goes into writing, judged by the write before."""

SEAL_BYTES = 32
"""Before the archive: a digest of it and of the work that it belongs to."""

Weights = list[NDArray[np.generic]]


@dataclass(frozen=True)
class TrainingState:
    """A training between two epochs.

    Attributes:
        history: Its length says how many epochs are done.
        weights: Of the model, in Keras' order.
        optimizer: Its variables, in Keras' order.
        best: The weights with the best validation quality so far; empty where they are not kept.
    """

    history: TrainingHistory
    weights: Weights
    optimizer: Weights
    best: Weights


class Checkpoint:
    """The state of one training in the store, which is removed when its `with` block ends without an error."""

    def __init__(self, store: Store, key: str, *, every_seconds: float = EVERY_SECONDS) -> None:
        """Keep the state of the work `key`, written at most once in `every_seconds`."""
        self.store = store
        self.key = f"checkpoints/{key}.npz"
        self.every_seconds = every_seconds
        self._wrote = time.monotonic()
        self._cost = 0.0

    @property
    def due(self) -> bool:
        """Return whether enough time went by since the last write."""
        return time.monotonic() - self._wrote >= max(self.every_seconds, self._cost / MOST_OF_TIME)

    def save(self, state: TrainingState) -> None:
        """Replace what is there by `state`."""
        started = time.monotonic()
        arrays: dict[str, NDArray[np.generic]] = {"history": np.frombuffer(state.history.to_json(), np.uint8)}
        for group in ("weights", "optimizer", "best"):
            arrays |= {f"{group}_{number:04d}": array for number, array in enumerate(getattr(state, group))}
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        data = buffer.getvalue()
        self.store.blobs.replace(self.key, self._seal(data) + data)
        self._wrote = time.monotonic()
        self._cost = self._wrote - started

    def load(self) -> TrainingState | None:
        """Return the state, or None where there is none or the object is damaged, which is said."""
        sealed = self.store.blobs.read(self.key)
        if sealed is None:
            return None
        data = sealed[SEAL_BYTES:]
        if sealed[:SEAL_BYTES] != self._seal(data):
            print("the checkpoint is damaged: training starts anew")
            return None
        try:
            arrays = _arrays(data)
            history = TrainingHistory.model_validate_json(arrays.pop("history").tobytes())
        except (zipfile.BadZipFile, ValueError, KeyError, EOFError, OSError, RuntimeError) as error:
            print(f"the checkpoint cannot be read ({visible(error)}): training starts anew")
            return None
        groups = {
            group: [array for name, array in arrays.items() if name.startswith(f"{group}_")]
            for group in ("weights", "optimizer", "best")
        }
        return TrainingState(history, **groups)

    def _seal(self, data: bytes) -> bytes:
        """Return what says that these bytes are a state of this very work."""
        return hashlib.sha256(self.key.encode() + b"\0" + data).digest()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.store.blobs.delete(self.key)


def _arrays(data: bytes) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of an archive. None takes more memory than it has bytes here: `save` compresses nothing."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = sorted(archive.infolist(), key=lambda entry: entry.filename)
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
            raise ValueError("it is compressed")
        return {entry.filename.removesuffix(".npy"): read_npy(archive.read(entry)) for entry in entries}


def checkpoint_of(context: Context, part: str = "") -> AbstractContextManager[Checkpoint | None]:
    """Return the checkpoint of the work that a step is at; there is none where the step has no key of its work.

    Args:
        context: Of the step.
        part: Which of several trainings of the step this is.
    """
    return Checkpoint(context.store, context.work.key_of_part(part)) if context.work else nullcontext()
