"""How fast preprocess reads a source, against a bare loop of decoding on one core.

    a parquet of encoded images ──► [bare loop] ──► seconds
                                └─► [preprocess] ──► seconds        ──► ratio = bare / ours, the median of turns

The bare loop opens each image with Pillow and makes an array of it, nothing else: no labels, no digests, no statistics,
no shards. Both are measured in turn. `benchmarks/training.py` writes the ratio to `results/training.json`.

    PYTHONPATH=. .venvs/tasks/bin/python -m benchmarks.preprocess --data DIR
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from featherline.tasks.contracts.steps.preprocess import PreprocessInputs, PreprocessParams
from featherline.tasks.running.context import Context
from featherline.tasks.running.workers import cores
from featherline.tasks.steps.preprocess import preprocess
from featherline.tasks.store.artifacts import open_store

TURNS = 3
CORRUPT = 1e-4


def measure(source: Path, turns: int = TURNS) -> dict[str, float | int]:
    """Return `preprocess_s`, `bare_s` (medians, in seconds), `preprocess_ratio` (bare / ours), `images` and `cores`.

    Args:
        source: A folder of parquet files that have a column of encoded images, plain or as struct<bytes, path>.
        turns: How often each is measured, one after the other.
    """
    bare, ours, images = [], [], 0
    for _ in range(turns):
        started = time.perf_counter()
        images = _bare(source)
        bare.append(time.perf_counter() - started)
        started = time.perf_counter()
        _ours(source)
        ours.append(time.perf_counter() - started)
    bare_s, ours_s = statistics.median(bare), statistics.median(ours)
    return {
        "preprocess_s": round(ours_s, 2),
        "bare_s": round(bare_s, 2),
        "preprocess_ratio": round(bare_s / ours_s, 2),
        "images": images,
        "cores": cores(),
    }


def _bare(source: Path) -> int:
    """Decode all images, and return how many there were."""
    count = 0
    for path in sorted(source.glob("*.parquet")):
        table = pq.read_table(path, use_threads=False)
        name = next(name for name in table.column_names if name in {"image", "img"})
        for cell in table[name].to_pylist():
            data = cell["bytes"] if isinstance(cell, dict) else cell
            np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
            count += 1
    return count


def _ours(source: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="featherline-bench-") as folder, contextlib.redirect_stdout(io.StringIO()):
        params = PreprocessParams(name="bench", source=str(source), max_corrupt_fraction=CORRUPT)
        preprocess(PreprocessInputs(), params, Context(open_store(folder)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of parquet files, such as CIFAR-10")
    parser.add_argument("--turns", type=int, default=TURNS)
    given = parser.parse_args()
    print(json.dumps(measure(given.data, given.turns)))
