"""Featherline against what people use today, from two float ResNet-20 on CIFAR-10; and controls.

    wide.keras ───┬─► TFLiteConverter ───────────────────────────► NAME.tflite ─┐
    15.2 MB       └─► Featherline: prune ► quantize ► export ────► NAME.tflite ─┤
    narrow.keras ─┬─► rivals: converter, quantizer, TFMOT ───────► NAME.tflite ─┼─► [evaluate] ─► results, plot, table
    1.1 MB        └─► Featherline: prune ► quantize ► export ────► NAME.tflite ─┤
    nothing ────────► a small network, taught as ours are ───────► NAME.tflite ─┘

Neither given model is trained further. Two files are made at a time, each by a process on one core. A file in
`benchmarks/results/seed-case/` that was made with the same parameters is not made again (`--anew` makes all of them
again), and a training that was killed goes on from its last epoch: run the same command again. At the end all files are
measured anew by the step `evaluate`, each in turn with the float file that it came from.

    make bench WIDE=resnet20_w60.keras NARROW=resnet20_w16.keras DATA=cifar10/      (a night; --plan says how long)
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.seed_case.making import FIRST_SEED, Bench, Given, made, place
from benchmarks.seed_case.plot import plot
from benchmarks.seed_case.rows import ROWS
from benchmarks.seed_case.schedule import Job, announce, work_off
from benchmarks.seed_case.table import put_into
from benchmarks.steps import ROOT
from featherline.tasks.contracts.measurement import Measurement
from featherline.tasks.contracts.references import LiteRTFileRef, MeasurementRef
from featherline.tasks.measuring.machine import machine

RESULTS = ROOT / "benchmarks" / "results" / "seed-case.json"
FOLDER = ROOT / "var" / "bench-seed-case"
FLOPS = 2
"""Of a multiply-accumulate."""
STARTS = ("wide", "narrow")


def main() -> None:
    """Make what is missing, measure everything, write the results, the plot and the table."""
    options = _options()
    names = options.only or list(ROWS)
    if unknown := [name for name in names if name not in ROWS]:
        sys.exit(f"bench: there is no row {', '.join(unknown)}\n  expected  some of {', '.join(ROWS)}")
    jobs = [
        Job(name, seed)
        for seed in range(FIRST_SEED, FIRST_SEED + options.seeds)
        for name in names
        if seed == FIRST_SEED or ROWS[name].spread
    ]
    missing = [job for job in jobs if options.anew or not made(job.name, job.seed)]
    announce(jobs, missing)
    if options.plan:
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    given = Given(**{name: str(getattr(options, name).resolve()) for name in ("wide", "narrow", "data")})
    (FOLDER / "given.json").write_bytes(given.to_json())
    bench = Bench(FOLDER, FIRST_SEED)
    failed = work_off(missing, FOLDER)
    results = measured(bench)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    rows = (*results["baselines"], *results["rows"])
    plot(rows, {name for name, row in ROWS.items() if row.made_by == "Featherline"}, RESULTS.with_suffix(".svg"))
    put_into(ROOT / "README.md", results)
    for row in rows:
        print(f"{row['name']:28} {100 * row['accuracy']:6.2f} %  {row['raw_bytes']:>10,} B  {row['gflops']:.3f} GFLOPs")
    if failed:
        sys.exit(f"bench: not made: {', '.join(map(str, failed))}; their logs are in {FOLDER / 'logs'}")


def measured(bench: Bench) -> dict[str, Any]:
    """Return the results: the float files, and a row for each file that is there."""
    run = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"
    there = [name for name in ROWS if made(name, FIRST_SEED)]
    return {
        "rows": [_row(bench, name, run) for name in there],
        "baselines": [_float(bench, start, run) for start in STARTS],
        "machine": machine(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "command": "make bench WIDE=resnet20_w60.keras NARROW=resnet20_w16.keras DATA=cifar10/",
    }


def _float(bench: Bench, start: str, run: str) -> dict[str, Any]:
    return {"name": start, "made_by": "given", "compared_with": start} | _columns(
        _measure(bench, bench.files[start], start, start, run)
    )


def _row(bench: Bench, name: str, run: str) -> dict[str, Any]:
    """Measure a row's file in turn with the float file that it came from; of other seeds the accuracy alone."""
    row, start = ROWS[name], ROWS[name].compared_with
    seeds = [seed for seed in range(FIRST_SEED, FIRST_SEED + MOST_SEEDS) if made(name, seed)]
    found = {seed: _measure(bench, _file(bench, name, seed), start, name, run) for seed in seeds}
    note = json.loads(place(name, FIRST_SEED).with_suffix(".json").read_text())
    accuracies = {seed: one.quality.value for seed, one in found.items()}
    return (
        {"name": name, "made_by": row.made_by, "compared_with": start}
        | _columns(found[FIRST_SEED])
        | {
            "epochs": row.epochs,
            "seeds": seeds,
            "accuracies": list(accuracies.values()),
            "accuracy_spread": max(accuracies.values()) - min(accuracies.values()),
            "accuracy_mean": statistics.fmean(accuracies.values()),
            "wall_s": note["wall_s"],
            "made_on": note["made_on"],
        }
    )


def _file(bench: Bench, name: str, seed: int) -> dict[str, Any]:
    """Put a made file into the store, as a model that the step `evaluate` takes."""
    start = ROWS[name].compared_with
    file = bench.steps.store.put_bytes(place(name, seed).read_bytes(), LiteRTFileRef)
    return bench.files[start] | {"file": file.model_dump(mode="json"), "scheme": ROWS[name].scheme}


def _measure(bench: Bench, model: dict[str, Any], start: str, name: str, run: str) -> Measurement:
    inputs = {"model": model, "data": bench.data, "baseline": bench.files[start]}
    outputs, _ = bench.steps.call("evaluate", inputs, {"candidate": name, "runs": 1000}, name, run=run)
    return bench.steps.store.read(MeasurementRef.model_validate(outputs["measurement"]), Measurement)


def _columns(found: Measurement) -> dict[str, Any]:
    return {
        "accuracy": found.quality.value,
        "accuracy_low": found.quality.low,
        "accuracy_high": found.quality.high,
        "raw_bytes": found.size_bytes,
        "zstd_bytes": found.zstd_bytes,
        "macs": found.macs,
        "gflops": FLOPS * (found.macs or 0) / 1e9,
        "peak_ram_bytes": found.peak_ram_bytes,
        "latency_ms_p50": found.latency_ms.p50,
        "speedup": found.latency_ms.speedup,
    }


MOST_SEEDS = 10


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.seed_case", description="A night; resumes after a kill."
    )
    parser.add_argument(
        "--wide", type=Path, required=True, help="a float ResNet-20 of width 60, as .keras: the teacher"
    )
    parser.add_argument("--narrow", type=Path, required=True, help="a float ResNet-20 of width 16, as .keras")
    parser.add_argument("--data", type=Path, required=True, help="CIFAR-10 as parquet, as `featherline data` brings it")
    parser.add_argument("--seeds", type=int, default=1, choices=range(1, MOST_SEEDS + 1), help="of rows with a spread")
    parser.add_argument("--only", nargs="*", help="these rows alone")
    parser.add_argument("--anew", action="store_true", help="make files again that are there already")
    parser.add_argument("--plan", action="store_true", help="say what would be made and how long it takes, and end")
    return parser.parse_args()


if __name__ == "__main__":
    main()
