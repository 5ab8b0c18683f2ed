"""How far the structure of a large network comes down: ResNet-20 of width 60, 15 MB and 1.14 GFLOPs.

    data ──► train (briefly) ──► prune to 24 % of the MACs ──► export int8 ──► [evaluate] ──► results

A full training of the large network takes a day on two cores. This one is as long as `--epochs` and `--fraction` say,
which is written beside the rows: their sizes and costs hold for any training, their accuracies for this one alone.
Rows that a command of the same words gave are not made again; `--anew` makes them.

    python -m benchmarks.cifar10.wide --data cifar10/      (an hour by default; progress a line an epoch)
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.steps import ROOT, Steps
from featherline.tasks.contracts.measurement import Measurement
from featherline.tasks.contracts.references import LiteRTFileRef, MeasurementRef
from featherline.tasks.measuring.machine import machine

RESULTS = ROOT / "benchmarks" / "results" / "cifar10-wide-resnet20.json"
NETWORK = {"builder": "resnet", "options": {"depth": 20, "width": 60}}
FIT = {"optimizer": "sgd", "schedule": "one_cycle", "weight_decay": 1e-4, "flip": True, "crop": 4, "batch_size": 64}
FLOPS = 2
"""Of a multiply-accumulate."""


def main() -> None:
    """Train, prune, export and measure; write the rows."""
    options = _options()
    command = (
        f"python -m benchmarks.cifar10.wide --data cifar10/ --epochs {options.epochs} --fraction {options.fraction:g}"
    )
    if not options.anew and RESULTS.exists() and json.loads(RESULTS.read_text())["command"] == command:
        print(f"{RESULTS.name} is there, made by the same command; --anew makes it again")
        return
    steps = Steps(ROOT / "var" / "bench-cifar10-wide", seed=0)
    steps.folder.mkdir(parents=True, exist_ok=True)
    parameters = {"name": "cifar10", "source": str(options.data.resolve()), "calibration_count": 100}
    data = steps.call("preprocess", {}, parameters | {"max_corrupt_fraction": 1e-4}, "")[0]["data"]
    fit = FIT | {"epochs": options.epochs, "train_fraction": options.fraction, "learning_rate": 0.05}
    model, training = steps.call("train", {"data": data}, {"architecture": NETWORK, "fit": fit}, "wide")
    cut = {"method": "channel", "criterion": "l2", "keep_macs": 0.24, "fit": fit | {"learning_rate": 0.02}}
    small, pruning = steps.call("prune", {"model": model["model"], "data": data}, cut, "wide")
    large, _ = steps.call("export", {"model": model["model"], "scheme": "float32", "data": data}, {}, "wide float")
    file, _ = steps.call("export", {"model": small["model"], "scheme": "int8", "data": data}, {}, "wide int8")
    rows = [
        _row(steps, name, exported["model"], {"data": data, "baseline": large["model"]}) | {"wall_s": seconds}
        for name, exported, seconds in (("float", large, training), ("pruned-int8", file, pruning))
    ]
    written = {
        "rows": rows,
        "trained": f"{options.epochs} epochs on {options.fraction:.0%} of the train split, before and after the cut",
        "machine": machine(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "command": command,
    }
    RESULTS.write_text(json.dumps(written, indent=2) + "\n")
    for row in rows:
        print(f"{row['name']:12} {row['raw_bytes']:>10,} B  {row['gflops']:.3f} GFLOPs  {100 * row['accuracy']:.2f} %")


def _row(steps: Steps, name: str, file: dict[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
    """Measure a file beside the large network's float file."""
    outputs, _ = steps.call("evaluate", inputs | {"model": file}, {"candidate": name, "runs": 100}, name)
    found = steps.store.read(MeasurementRef.model_validate(outputs["measurement"]), Measurement)
    return {
        "name": name,
        "accuracy": found.quality.value,
        "raw_bytes": len(steps.store.read_bytes(LiteRTFileRef.model_validate(file["file"]))),
        "macs": found.macs,
        "gflops": FLOPS * found.macs / 1e9,
        "peak_ram_bytes": found.peak_ram_bytes,
        "latency_ms_p50": found.latency_ms.p50,
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cifar10.wide", description="Goes on after a kill.")
    parser.add_argument("--data", type=Path, required=True, help="CIFAR-10 as parquet")
    parser.add_argument("--epochs", type=int, default=1, help="of each of the two trainings")
    parser.add_argument("--fraction", type=float, default=1.0, help="part of the train split to train on")
    parser.add_argument("--anew", action="store_true", help="make rows again that are there already")
    return parser.parse_args()


if __name__ == "__main__":
    main()
