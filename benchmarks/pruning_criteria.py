"""Compare the criteria of channel pruning on a trained network: one cut, equal MACs, nothing fine-tuned.

    network ──► cut by each criterion ──► test accuracy ──► statistics anew ──► test accuracy

What is left without any learning shows how good the ranking alone is; after fine-tuning differences are smaller. The
ranking looks at a part of the train split, sensitivity at another, and accuracy is of the test split. Writes
benchmarks/results/pruning-criteria.json.

    .venvs/tasks/bin/python benchmarks/pruning_criteria.py --model resnet20.keras --described resnet20.json --data DIR

`--described` is JSON with `mean` and `std` of the normalisation; DIR holds train.parquet and test.parquet with `image`
(a struct with the `bytes` of a file) and `label`.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from featherline.tasks.compression.pruning.channel import Ranking, Target, prune_channels  # noqa: E402
from featherline.tasks.compression.pruning.statistics import reestimate_statistics  # noqa: E402
from featherline.tasks.contracts.base import digest  # noqa: E402 - the project's root is put on the path first
from featherline.tasks.measuring.machine import machine  # noqa: E402
from featherline.tasks.networks.model_files import load_path  # noqa: E402
from featherline.tasks.networks.predict import predict  # noqa: E402
from featherline.tasks.problems.classification.problem import Classification  # noqa: E402
from featherline.tasks.problems.scored import quality_value  # noqa: E402
from featherline.tasks.training.data import TrainingData  # noqa: E402
from featherline.tasks.training.part import Part  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "pruning-criteria.json"
KEPT_MACS = (0.75, 0.5)
RANKINGS: tuple[tuple[str, str, tuple[int, ...]], ...] = (
    ("l1", "global", (0,)),
    ("l2", "global", (0,)),
    ("fpgm", "global", (0,)),
    ("bn_gamma", "global", (0,)),
    ("taylor", "global", (0,)),
    ("random", "global", (0, 1, 2)),
    ("l2", "sensitivity", (0,)),
    ("taylor", "sensitivity", (0,)),
)
"""Criterion, ratios, seeds; the median over the seeds is what counts."""

Split = tuple[NDArray[np.float32], NDArray[np.int64]]


def main() -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--described", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--train-images", type=int, default=2048)
    parser.add_argument("--test-images", type=int, default=10_000)
    asked = parser.parse_args()
    described = json.loads(asked.described.read_text())
    train = read(asked.data / "train.parquet", 2 * asked.train_images, described)
    test = read(asked.data / "test.parquet", asked.test_images, described)
    half = len(train[1]) // 2
    data = TrainingData(
        Part({"image": train[0][:half]}, train[1][:half]),
        Part({"image": train[0][half:]}, train[1][half:]),
        int(test[1].max()) + 1,
    )
    network = load_path(asked.model)
    whole = measured(network, test)
    print(f"whole: {whole:.4f} of {len(test[1])} test images")
    rows = []
    for kept in KEPT_MACS:
        for criterion, ratios, seeds in RANKINGS:
            target = Target({"macs": kept})
            found = [cut(network, target, Ranking(criterion, ratios, seed), data, test) for seed in seeds]  # type: ignore[arg-type]
            row = {"kept_macs": kept, "criterion": criterion, "ratios": ratios, "seeds": len(seeds)}
            row |= {name: round(statistics.median(each[name] for each in found), 4) for name in found[0]}
            rows.append(row)
            print(row, flush=True)
    RESULTS.parent.mkdir(exist_ok=True)
    result = {
        "model_sha256": digest(asked.model.read_bytes()),
        "whole_accuracy": round(whole, 4),
        "train_images": half,
        "test_images": len(test[1]),
        "rows": rows,
        "machine": machine(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "command": "benchmarks/pruning_criteria.py --model … --described … --data …"
        f" --train-images {asked.train_images} --test-images {asked.test_images}",
    }
    RESULTS.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    print(f"wrote {RESULTS.relative_to(ROOT)}")


def cut(network: Any, target: Target, ranking: Ranking, data: TrainingData, test: Split) -> dict[str, float]:
    """Return what one cut leaves, before and after the statistics were estimated anew."""
    started = time.monotonic()
    pruned = prune_channels(network, target, ranking, data=data)
    seconds = time.monotonic() - started
    before = measured(pruned.model, test)
    reestimate_statistics(pruned.model, (part.inputs for part in data.train.blocks(128)))
    return {
        "macs": pruned.macs,
        "parameters": pruned.model.count_params(),
        "accuracy_cut": before,
        "accuracy_recalibrated": measured(pruned.model, test),
        "seconds": seconds,
    }


def measured(model: Any, test: Split) -> float:
    """Return the accuracy on the test split."""
    return quality_value(Classification(), predict(model, test[0]), test[1])


def read(path: Path, count: int, described: dict[str, Any]) -> Split:
    """Return images, normalised, and labels: `count` of a file, drawn with a fixed seed."""
    table = pq.read_table(path, columns=["image", "label"])
    chosen = np.sort(np.random.default_rng(0).permutation(len(table))[:count])
    rows = table.take(chosen)
    images = np.stack([np.asarray(Image.open(io.BytesIO(row["bytes"]))) for row in rows["image"].to_pylist()])
    mean, std = (np.array(described[name], np.float32) for name in ("mean", "std"))
    mixed = np.random.default_rng(1).permutation(len(chosen))
    normalised: NDArray[np.float32] = ((images.astype(np.float32) / 255 - mean) / std)[mixed]
    return normalised, rows["label"].to_numpy().astype(np.int64)[mixed]


if __name__ == "__main__":
    main()
