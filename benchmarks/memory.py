"""What every step that touches examples takes of memory, with 20,000 photos of 224x224 and with ten times as many.

    photos (generated once) ──► preprocess ──► … ──► report, each step a process ──► peak_rss_bytes of the largest

Steps run as in a real run. The network is small, a training sees `EXAMPLES` photos, for one epoch, and the test and
validation splits are 4 and 2 % of all, so that it takes minutes; all else is as a recipe has it. The peak is that of
the kernel (`ru_maxrss`) for the largest process of a step: its own, or one that it started.

    .venvs/tasks/bin/python -m benchmarks.memory                    (both sizes: 12 GB of disk)
    .venvs/tasks/bin/python -m benchmarks.memory --images 2000 --folder var/memory   (to try it; nothing is written)
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.photos import generate
from benchmarks.steps import ROOT, Steps
from featherline.tasks.contracts.request import Variable
from featherline.tasks.measuring.machine import machine

RESULTS = ROOT / "benchmarks" / "results" / "memory.json"
SIZES = (20_000, 200_000)
EXAMPLES = 2000
"""Of an epoch."""
VALIDATION, TEST = 0.02, 0.04
NETWORK = {"builder": "cnn", "options": {"widths": [8, 16, 16, 16], "dense": 0}}
SMALLER = {"builder": "cnn", "options": {"widths": [8, 8, 16, 16], "dense": 0}}
Row = dict[str, Any]


class Measured:
    """The steps of one run, and what each of them took."""

    def __init__(self, folder: Path, images: int) -> None:
        """Keep the store in a folder."""
        self.steps, self.images = Steps(folder, seed=0), images
        self.run = f"{time.time_ns()}"
        self.rows: list[Row] = []

    def call(self, step: str, inputs: dict[str, Any], params: dict[str, Any], label: str = "") -> dict[str, Any]:
        """Run a step anew and note its peak."""
        outputs, seconds = self.steps.call(step, inputs, params, label, run=self.run)
        name = f"{step} {label}".strip()
        peak = self.steps.peak_rss_bytes
        self.rows.append({"step": name, "images": self.images, "peak_rss_bytes": peak, "seconds": round(seconds, 1)})
        print(f"{self.images:,} photos, {name}: {peak / 2**30:.2f} GiB, {seconds:.0f} s", flush=True)
        return outputs


def main() -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(description="Measure what the steps take of memory.")
    parser.add_argument("--images", type=int, nargs="+", default=SIZES, help="how many photos, in turn")
    parser.add_argument("--folder", type=Path, help="holds the photos and what was made; kept, and used again")
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp(prefix="featherline-memory-", dir=os.environ.get("TMPDIR")))
    try:
        rows = [row for images in asked.images for row in measured(folder.resolve(), images)]
    finally:
        if asked.folder is None:
            shutil.rmtree(folder)
    print(table(rows))
    if tuple(asked.images) != SIZES:
        return
    found = {
        "rows": rows,
        "examples_an_epoch": EXAMPLES,
        "network": NETWORK,
        "machine": machine(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "command": "python -m benchmarks.memory",
    }
    RESULTS.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    print(f"wrote {RESULTS.relative_to(ROOT)}")


def measured(folder: Path, images: int) -> list[Row]:
    """Run every step on so many photos, and return a row for each."""
    photos = generate(folder / f"photos-{images}", images)
    os.environ[Variable.STUDIES] = str(folder / f"studies-{images}")
    made = Measured(folder / f"run-{images}", images)
    source = {"name": "photos", "source": str(photos), "image_size": [224, 224]}
    source |= {"validation_fraction": VALIDATION, "test_fraction": TEST}
    data = made.call("preprocess", {}, source)
    made.call("validate_data", data, {})
    training = images * (1 - VALIDATION - TEST)
    fit = {"epochs": 1, "batch_size": 32, "train_fraction": min(1.0, EXAMPLES / training)}
    trained = made.call("train", data, {"architecture": NETWORK, "fit": fit})
    teacher = trained["model"]
    lane = {"prune": PRUNE | {"fit": fit}, "quantize": {"scheme": "int8", "qat": True, "fit": fit}}
    made.call("dry_run", data, {"architecture": NETWORK, "candidates": {"small": lane}})
    trials = made.call("search", data, _searched(fit))["trials"]
    pruned = made.call("prune", data | {"model": teacher}, lane["prune"])["model"]
    taught = {"method": "logits", "architecture": SMALLER, "fit": fit}
    student = made.call("distill", data | {"teacher": teacher, "student": pruned}, taught)["model"]
    integer = made.call("quantize", data | {"model": student, "teacher": teacher}, lane["quantize"])
    exported = made.call("export", data | {"model": teacher, "scheme": "float32"}, {}, "float32")["model"]
    calibrated = {"calibration": {"method": "mse"}}
    made.call("export", data | {"model": student, "scheme": "int8"}, calibrated, "int8")
    shipped = made.call("export", data | integer, {}, "qat")["model"]
    baseline = made.call("evaluate", data | {"model": exported}, {"runs": 100}, "baseline")
    compared = {"baseline": exported, "baseline_measurement": baseline["measurement"]}
    evaluated = made.call(
        "evaluate", data | {"model": shipped} | compared, {"candidate": "small", "runs": 100}, "small"
    )
    judged = {"baseline": baseline, "lanes": [evaluated]}
    rules = {"rules": {"min_quality": 0.0, "max_drop": 1.0, "max_slice_drop": 1.0}}
    verdict = made.call("validate_metrics", data | judged, rules)["verdict"]
    plan = made.call("plan", {"model": teacher, "architectures": []}, {"candidates": {"small": lane}})
    selection = made.call("select", judged | {"verdict": verdict}, {})
    told = data | judged | {"model": teacher, "metrics": trained["metrics"], "verdict": verdict, "trials": trials}
    made.call("report", told | {"plan": plan, "selection": selection}, {"title": "photos"})
    return made.rows


PRUNE = {"method": "channel", "keep_macs": 0.7, "criterion": "taylor", "ratios": "sensitivity"}


def _searched(fit: dict[str, Any]) -> dict[str, Any]:
    space = {"builder": "ds_cnn", "fixed": {"stem": 8, "width": 16, "stem_stride": 2}, "choices": {"blocks": [1, 2]}}
    return {"space": space, "trials": 2, "epochs": 1, "promoted_epochs": 1, "control": False, "fit": fit}


def table(rows: list[Row]) -> str:
    """Return the rows side by side, a column for each number of photos."""
    sizes = sorted({row["images"] for row in rows})
    steps = list(dict.fromkeys(row["step"] for row in rows))
    peaks = {(row["step"], row["images"]): row["peak_rss_bytes"] / 2**30 for row in rows}
    lines = [f"{'GiB':24}" + "".join(f"{size:>12,}" for size in sizes)]
    lines += [f"{step:24}" + "".join(f"{peaks[step, size]:>12.2f}" for size in sizes) for step in steps]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
