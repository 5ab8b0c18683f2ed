"""Opening a foreign file in a process of its own: what crashes, swells or circles there ends there.

    path ──► a process of its own, bounded in memory and time ──► opened.json, weights of our own ──► Archive

The readers of HDF5 and of TensorFlow's checkpoints are C and C++, and were made for files that one trusts. A folder's
variables are read by TensorFlow there too, and come back as HDF5.

    python -m featherline.tasks.networks.foreign.apart MODEL FOLDER HEIGHT WIDTH CHANNELS
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from dataclasses import asdict, replace
from pathlib import Path

from featherline.tasks.contracts.dataset import Shape
from featherline.tasks.contracts.refusal import Problem, Refused, refuse
from featherline.tasks.contracts.request import Exit
from featherline.tasks.networks.foreign.archive import Archive, open_archive
from featherline.tasks.networks.foreign.hdf5 import MOST_BYTES
from featherline.tasks.running.child import Child, Ended

MOST_MEMORY_BYTES = 12 * 2**30
"""Of addresses, of which TensorFlow takes several GiB without use."""
MOST_WORK_S = {False: 6, True: 60}
"""Of a processor, for a file and for a folder, of which TensorFlow's own start takes ten on a slow one."""
PATIENCE_S = 120.0
"""By the clock, on a machine that does much else."""
BYTES_IN_A_SECOND = 10 * 2**20
"""More time for a large file, at the speed of a slow disk."""

OPENED = "opened.json"


def open_apart(path: Path, folder: Path, input_shape: Shape) -> Archive:
    """Read what a model file says of its model, in a process of its own.

    Args:
        path: A `.keras` or `.h5` file or a SavedModel folder.
        folder: An empty one, for the copy of the weights.
        input_shape: (height, width, channels) of the data.

    Raises:
        Refused: As `open_archive` does, or the process died or took too long.
    """
    work_s = _work_s(path)
    with Child(
        "featherline.tasks.networks.foreign.apart", path.absolute(), folder, *map(str, input_shape), log=folder / "log"
    ) as child:
        ended = child.wait(PATIENCE_S + work_s)
    if ended.code not in (Exit.DONE, Exit.REFUSED) or not (folder / OPENED).exists():
        raise _died(path.name, ended, work_s)
    said = json.loads((folder / OPENED).read_bytes())
    if ended.code == Exit.REFUSED:
        raise Refused(*(Problem(**problem) for problem in said))
    return Archive(**said)


def open_here(path: Path, folder: Path, input_shape: Shape) -> Archive:
    """Read what a model file says of its model. A folder's variables become HDF5. Raises `Refused`."""
    archive = open_archive(path, folder)
    if not path.is_dir():
        return archive
    from featherline.tasks.networks.foreign.build import build_model  # noqa: PLC0415 - TensorFlow, which other files do without

    model = build_model(archive, path.name, input_shape)
    weights = folder / "model.weights.h5"
    if model.built:
        model.save_weights(weights)
    return replace(archive, weights=str(weights), numbers=model.count_params() if model.built else 0)


def main(arguments: list[str]) -> int:
    """Open one file; say what is in it, or why it is refused, in its folder. Returns the exit code."""
    path, folder = map(Path, arguments[:2])
    height, width, channels = map(int, arguments[2:])
    work_s = _work_s(path)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (work_s, work_s))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        archive = open_here(path, folder, (height, width, channels))
    except Refused as refusal:
        (folder / OPENED).write_text(json.dumps([asdict(problem) for problem in refusal.problems]))
        return Exit.REFUSED
    (folder / OPENED).write_text(json.dumps(asdict(archive)))
    return Exit.DONE


def _work_s(path: Path) -> int:
    """Return the seconds of a processor that opening a file or a folder may take."""
    files = (path / "variables").glob("variables*") if path.is_dir() else [path]
    size = sum(file.stat().st_size for file in files if file.is_file())
    return MOST_WORK_S[path.is_dir()] + min(size, MOST_BYTES) // BYTES_IN_A_SECOND


def _died(name: str, ended: Ended, work_s: int) -> Refused:
    lines = [line for line in ended.said.splitlines() if line.strip()]
    too_long = ended.late or ended.died_of in (signal.SIGXCPU, signal.SIGKILL)
    why = f"nothing after {work_s} s of work" if too_long else ended.signal_name or f"exit {ended.code}"
    return refuse(
        f"{name} cannot be read",
        expected="a whole model file, which is read in little time and memory",
        got=f"{why}{': ' if lines else ''}{lines[-1][:200] if lines else ''}",
        fix="copy the file again, or save the model anew",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
