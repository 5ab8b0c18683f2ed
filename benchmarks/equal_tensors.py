"""Whether two runs gave equal models: every tensor and operator of their `.tflite` files, names and metadata aside.

    two folders or stores ──► files by candidate ──► tensors, operators ──► equal, or the first difference

A folder holds `<candidate>.tflite`; a store is read by the results of its step `export`, of any version.
Ends with 1 where a candidate differs or one side lacks it.

    .venvs/tasks/bin/python -m benchmarks.equal_tensors A B
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from featherline.tasks.litert.flatbuffer import unpack


def files_of(place: Path) -> dict[str, Path]:
    """Return the files of a folder, or those that a store's newest exports gave, by candidate."""
    results = sorted(place.glob("results/export/*.json"), key=lambda path: path.stat().st_mtime_ns)
    if not results:
        return {path.stem: path for path in sorted(place.glob("*.tflite"))}
    found = {}
    for path in results:
        result = json.loads(path.read_bytes())
        found[result["label"]] = place / "artifacts" / result["outputs"]["model"]["file"]["sha256"]
    return dict(sorted(found.items()))


def content(path: Path) -> dict[str, list[str]]:
    """Return all that a file computes with, a line each: its tensors and its operators, in their order."""
    model = unpack(path.read_bytes())
    found: dict[str, list[str]] = {"tensors": [], "operators": []}
    for graph in model.subgraphs:
        for place, tensor in enumerate(graph.tensors):
            data = model.buffers[tensor.buffer].data
            held = "computed" if data is None else hashlib.sha256(np.asarray(data).tobytes()).hexdigest()
            quantization = " ".join(_plain(tensor.quantization)) if tensor.quantization else "none"
            sparsity = " ".join(_plain(tensor.sparsity)) if tensor.sparsity else "dense"
            shape = list(tensor.shape) if tensor.shape is not None else []
            line = f"{place}: type {tensor.type}, shape {shape}, {held}, {quantization}, {sparsity}"
            found["tensors"].append(line)
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex]
            ends = f"{list(operator.inputs)} -> {list(operator.outputs)}"
            options = " ".join(_plain(operator.builtinOptions)) if operator.builtinOptions else ""
            found["operators"].append(f"{code.builtinCode} version {code.version} {ends} {options}")
        found["operators"].append(f"graph {list(graph.inputs)} -> {list(graph.outputs)}")
    return found


def difference(one: Path, other: Path) -> str:
    """Return the first thing in which two files differ, or nothing."""
    ours, theirs = content(one), content(other)
    for kind, lines in ours.items():
        if len(lines) != len(theirs[kind]):
            return f"{len(lines)} {kind} against {len(theirs[kind])}"
        for line, another in zip(lines, theirs[kind], strict=True):
            if line != another:
                return f"{kind}: {line} against {another}"
    return ""


def main() -> None:
    """Compare the two places that the command line names, and say what was found of each candidate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("one", type=Path, help="a folder of .tflite files, or a store")
    parser.add_argument("other", type=Path, help="another one")
    asked = parser.parse_args()
    ours, theirs = files_of(asked.one), files_of(asked.other)
    if not ours.keys() | theirs.keys():
        sys.exit(f"no .tflite files and no results of export in {asked.one} and {asked.other}")
    unequal = 0
    for name in sorted(ours.keys() | theirs.keys()):
        if name not in ours or name not in theirs:
            said = f"only in {asked.one if name in ours else asked.other}"
        elif ours[name].read_bytes() == theirs[name].read_bytes():
            said = f"equal files, {ours[name].stat().st_size:,} bytes"
        else:
            sizes = f"{ours[name].stat().st_size:,} and {theirs[name].stat().st_size:,} bytes"
            found = difference(ours[name], theirs[name])
            said = f"DIFFERENT, {sizes}: {found[:300]}" if found else f"equal tensors and operators, {sizes}"
        unequal += not said.startswith("equal")
        print(f"{name:<24} {said}")
    sys.exit(1 if unequal else 0)


def _plain(value: Any) -> Iterator[str]:
    """Yield what an object of the schema holds, by name."""
    for name, held in sorted(vars(value).items()):
        if isinstance(held, np.ndarray):
            yield f"{name}={hashlib.sha256(held.tobytes()).hexdigest()[:16]}"
        elif hasattr(held, "__dict__"):
            yield f"{name}=({' '.join(_plain(held))})"
        elif isinstance(held, list):
            inside = (" ".join(_plain(one)) if hasattr(one, "__dict__") else str(one) for one in held)
            yield f"{name}=[{', '.join(inside)}]"
        elif held is not None:
            yield f"{name}={held}"


if __name__ == "__main__":
    main()
