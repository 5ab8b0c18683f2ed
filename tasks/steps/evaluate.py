"""Evaluate: measure the exported file itself, on the test split and on this machine.

    file, test split ──► [LiteRT] ──► outputs ──► quality, interval, slices, agreement
         │
         ├──► [flatbuffer] ──► size, MACs, parameters, zeros, operators, energy estimate
         ├──► [TensorFlow Lite Micro, a child process] ──► peak RAM
         ├──► [LiteRT, in turn with the baseline] ──► latency
         └──► [the files of the lane's stages, in turn] ──► effect of each stage

Everything is of the file that ships, nothing of the model that it came from. Latency counts `invoke()` alone.

    python -m featherline.tasks evaluate --request request.json --result result.json
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np

from featherline.tasks.contracts.dataset import Dataset, sole
from featherline.tasks.contracts.measurement import Measurement, StageEntry
from featherline.tasks.contracts.references import ArrayRef, DetailsRef, MeasurementRef
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.steps.evaluate import EvaluateInputs, EvaluateOutputs, EvaluateParams
from featherline.tasks.contracts.words import percent
from featherline.tasks.data.dataset import split_digest
from featherline.tasks.litert.interpreter import RUNTIME, Fed, in_words
from featherline.tasks.measuring import energy, latency, peak_ram
from featherline.tasks.measuring.machine import machine
from featherline.tasks.measuring.opened import OpenedFile
from featherline.tasks.measuring.stage_effects import savings_table
from featherline.tasks.modalities.feeding import preprocessing_of
from featherline.tasks.modalities.model_inputs import opened_inputs
from featherline.tasks.problems.opening import open_problem
from featherline.tasks.problems.protocol import Problem, Scores
from featherline.tasks.problems.scored import quality_of, scored_in_batches, slices_of, with_targets
from featherline.tasks.running.context import Context
from featherline.tasks.store.array_rows import ArrayRows, write_rows
from featherline.tasks.store.artifacts import Store

OUTPUTS = "outputs.npy"


def evaluate(inputs: EvaluateInputs, params: EvaluateParams, context: Context) -> EvaluateOutputs:
    """Measure one exported file.

    Raises:
        Refused: The file does not fit the data or the baseline, or gives outputs that are not finite.
    """
    store = context.store
    dataset = store.read(inputs.data, Dataset)
    file = OpenedFile(store.read_bytes(inputs.model.file), params.threads)
    with ExitStack() as open_files:
        folder = Path(open_files.enter_context(tempfile.TemporaryDirectory(prefix="featherline-evaluate-")))
        arena = peak_ram.MicroArena(file.data, file.graph, folder)
        own = preprocessing_of(inputs.model.source, dataset)
        test = open_files.enter_context(opened_inputs(store, dataset, "test", own))
        problem = open_problem(dataset.problem)
        wanted = problem.outputs(dataset.vocabulary)
        if len(test) == 0 or not file.runner.gives(wanted):
            raise refuse(
                f"evaluate cannot measure {params.candidate} on {dataset.name}",
                expected=f"test examples, and outputs of the shape {in_words(wanted)}",
                got=f"{len(test)} test examples, outputs of the shape {in_words(file.runner.output_shapes)}",
                fix="measure the file on the data that its model was trained for",
            )
        write_rows(folder / OUTPUTS, len(test), file.runner.outputs_of(test))
        outputs = open_files.enter_context(ArrayRows(FileIO(folder / OUTPUTS)))
        scores = scored_in_batches(problem, with_targets(outputs, test.targets))
        judged = _judged(problem, scores, dataset.vocabulary, params, context.seed)
        agreement = _agreement(store, problem, outputs, inputs, dataset=dataset, candidate=params.candidate)
        details = problem.details(with_targets(outputs, test.targets))
        kept = store.put_file(folder / OUTPUTS, ArrayRef)
        structure = file.structure()
        peak_ram_bytes, method = arena.used_bytes()
        first = test.take(slice(1))
        fed: Fed = sole(first.arrays())
        baseline = base = None
        if inputs.baseline is not None:
            baseline = OpenedFile(store.read_bytes(inputs.baseline.file), params.threads)
            base = baseline.turn(sole(first.fed_by(preprocessing_of(inputs.baseline.source, dataset)).arrays()))
    timed = latency.latency(
        file.turn(fed),
        base,
        threads=params.threads,
        warm_up=params.warm_up,
        runs=params.runs,
        seed=context.seed,
    )
    ledger = _ledger(store, inputs, baseline, file, fed=fed, params=params) if baseline is not None else ()
    measurement = Measurement(
        candidate=params.candidate,
        file=inputs.model.file,
        scheme=inputs.model.scheme,
        outputs=kept,
        agreement=agreement,
        details=None if details is None else store.put(details, DetailsRef),
        test_sha256=split_digest(dataset, "test"),
        peak_ram_bytes=peak_ram_bytes,
        peak_ram_method=method,
        latency_ms=timed,
        energy_uj=energy.energy_uj(file.graph, peak_ram_bytes),
        energy_method=energy.METHOD,
        runtime=RUNTIME,
        machine=machine(),
        ledger=ledger,
        **judged,
        **structure,
    )
    print(table(measurement))
    if ledger:
        print(savings_table(ledger))
    return EvaluateOutputs(measurement=store.put(measurement, MeasurementRef), model=inputs.model)


def _judged(problem: Problem, scores: Scores, vocabulary: tuple[str, ...], params: EvaluateParams, seed: int) -> Any:  # noqa: ANN401 - fields of Measurement
    """Return what the outputs say."""
    return {
        "samples": len(scores),
        "quality": quality_of(problem, scores, params.confidence, params.resamples, seed),
        "slices": slices_of(problem, scores, vocabulary),
    }


def _ledger(
    store: Store, inputs: EvaluateInputs, baseline: OpenedFile, file: OpenedFile, *, fed: Fed, params: EvaluateParams
) -> tuple[StageEntry, ...]:
    """Return what each file is, from the float baseline by way of the lane's stages to the one that ships."""
    stages = [(each.stage, OpenedFile(store.read_bytes(each.file), params.threads)) for each in inputs.model.stages]
    files = [("float baseline", baseline), *stages, (f"export {inputs.model.scheme}", file)]
    times = latency.medians_ms([each.turn(fed) for _, each in files], warm_up=params.warm_up, runs=params.runs)
    return tuple(
        StageEntry(stage=stage, latency_ms_p50=time, **each.counts())
        for (stage, each), time in zip(files, times, strict=True)
    )


def _agreement(
    store: Store, problem: Problem, outputs: ArrayRows, inputs: EvaluateInputs, *, dataset: Dataset, candidate: str
) -> float | None:
    """Return on which part of the examples the file says what the float baseline says; None where there is none."""
    if inputs.baseline_measurement is None:
        return None
    baseline = store.read(inputs.baseline_measurement, Measurement)
    if baseline.test_sha256 != split_digest(dataset, "test"):
        raise refuse(
            f"evaluate cannot compare {candidate} with the baseline",
            expected=f"a baseline that was measured on the test split of {dataset.name}",
            got=f"one that was measured on {baseline.samples} examples of another split",
            fix="evaluate the baseline on this data set first",
        )
    with store.opened_array(baseline.outputs) as others:
        same = [problem.agreement(part, others[rows]) for rows, part in outputs.blocks()]
    return float(np.mean(np.concatenate(same)))


def table(measured: Measurement) -> str:
    """Return the measurement as a few aligned lines for people."""
    time, quality = measured.latency_ms, measured.quality
    speedup = (
        f", {time.speedup:.2f}x [{time.speedup_low:.2f}, {time.speedup_high:.2f}] the baseline"
        if time.speedup is not None
        else ""
    )
    agreement = "" if measured.agreement is None else f", agrees with the baseline on {percent(measured.agreement)}"
    rows = {
        quality.metric.name: f"{quality} [{quality.metric.text(quality.low)}, {quality.metric.text(quality.high)}] of "
        f"{measured.samples:,} examples{agreement}",
        "size": f"{measured.size_bytes:,} bytes, gzip {measured.gzip_bytes:,}, zstd {measured.zstd_bytes:,}, "
        f"entropy bound of the weights {measured.entropy_bytes:,}",
        "weights": f"{measured.parameters:,} parameters, {measured.sparsity:.1%} zeros, "
        f"at most {measured.distinct_weights:,} distinct in a tensor",
        "work": f"{measured.macs:,} MACs, {measured.energy_uj:.2f} uJ (relative estimate)",
        "peak RAM": f"{measured.peak_ram_bytes:,} bytes by {measured.peak_ram_method}",
        "latency": f"p50 {time.p50:.4f} ms, p90 {time.p90:.4f}, p99 {time.p99:.4f}, {time.threads} thread, "
        f"{time.runs} runs{speedup}",
        "operators": f"{sum(measured.operators.values())}, {measured.float_operators} of them float; "
        f"runtime {measured.minimum_runtime or 'unknown'} or later",
    }
    return "\n".join([f"evaluate: {measured.candidate}", *(f"  {name:<10}{text}" for name, text in rows.items())])
