"""Opening a foreign file in a process of its own: what crashes, swells or circles there ends there.

    path ──► python -m tasks.foreign.apart, bounded in memory and time ──► opened.json, weights of our own ──► Archive

The readers of HDF5 and of TensorFlow's checkpoints are C and C++, and were made for files that one trusts. A folder's
variables are read by TensorFlow there too, and come back as HDF5.

    python -m tasks.foreign.apart MODEL FOLDER HEIGHT WIDTH CHANNELS
"""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import asdict, replace
from pathlib import Path

from tasks.child import Child, Ended
from tasks.contracts.refusal import Problem, Refused, refuse
from tasks.contracts.request import Exit
from tasks.foreign.archive import Archive, open_archive

MOST_MEMORY_BYTES = 12 * 2**30
"""Of addresses, of which TensorFlow takes several GiB without use."""
PATIENCE_S = 30.0
BYTES_IN_A_SECOND = 10 * 2**20
"""A slow disk's, beyond the first seconds."""

OPENED = "opened.json"


def open_apart(path: Path, folder: Path, input_shape: tuple[int, int, int]) -> Archive:
    """Read what a model file says of its model, in a process of its own.

    Args:
        path: A `.keras` or `.h5` file or a SavedModel folder.
        folder: An empty one, for the copy of the weights.
        input_shape: (height, width, channels) of the data.

    Raises:
        Refused: As `open_archive` does, or the process died or took too long.
    """
    patience_s = PATIENCE_S + _size(path) / BYTES_IN_A_SECOND
    with Child("tasks.foreign.apart", path.absolute(), folder, *map(str, input_shape), log=folder / "log") as child:
        ended = child.wait(patience_s)
    if ended.code not in (Exit.DONE, Exit.REFUSED) or not (folder / OPENED).exists():
        raise _died(path.name, ended, patience_s)
    said = json.loads((folder / OPENED).read_bytes())
    if ended.code == Exit.REFUSED:
        raise Refused(*(Problem(**problem) for problem in said))
    return Archive(**said)


def open_here(path: Path, folder: Path, input_shape: tuple[int, int, int]) -> Archive:
    """Read what a model file says of its model. A folder's variables become HDF5. Raises `Refused`."""
    archive = open_archive(path, folder)
    if not path.is_dir():
        return archive
    from tasks.foreign.build import build_model  # noqa: PLC0415 - TensorFlow, which other files do without

    model = build_model(archive, path.name, input_shape)
    weights = folder / "model.weights.h5"
    if model.built:
        model.save_weights(weights)
    return replace(archive, weights=str(weights), numbers=model.count_params() if model.built else 0)


def main(arguments: list[str]) -> int:
    """Open one file; say what is in it, or why it is refused, in its folder. Returns the exit code."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    path, folder, *sizes = arguments
    height, width, channels = map(int, sizes)
    try:
        archive = open_here(Path(path), Path(folder), (height, width, channels))
    except Refused as refusal:
        Path(folder, OPENED).write_text(json.dumps([asdict(problem) for problem in refusal.problems]))
        return Exit.REFUSED
    except MemoryError:
        return 1
    Path(folder, OPENED).write_text(json.dumps(asdict(archive)))
    return Exit.DONE


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in (path / "variables").glob("variables*"))
    return path.stat().st_size


def _died(name: str, ended: Ended, patience_s: float) -> Refused:
    lines = [line for line in ended.said.splitlines() if line.strip()]
    why = f"nothing within {patience_s:.0f} s" if ended.late else ended.signal_name or f"exit {ended.code}"
    return refuse(
        f"{name} cannot be read",
        expected="a whole model file, which is read in little time and memory",
        got=f"{why}{': ' if lines else ''}{lines[-1][:200] if lines else ''}",
        fix="copy the file again, or save the model anew",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
