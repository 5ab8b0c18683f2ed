"""Export: turn a trained model into one `.tflite` file that says what it is, and prove that the file works.

    model ──► builder ──► [fallback ladder] ──► invariants ──► compact ──► metadata, labels ──► file
              │    └── static integers, mixed             │                              │
              └── converter (a child process)   validation quality             golden vectors, run twice

The file takes one example at a time. `int8`, `int16x8` and `static_wi4_ai8` take and give integers and have no float
operator left. TensorFlow is imported by the converter's process, and where the fallback ladder trains. Equal model and
request give equal bytes.

    python -m featherline.tasks export --request request.json --result result.json
"""

from __future__ import annotations

import io
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from featherline.tasks.compression.quantization.post_training.invariants import (
    check_budget,
    check_faithful,
    check_integer,
    check_kept,
    check_kernels,
)
from featherline.tasks.compression.quantization.post_training.ladder import climb
from featherline.tasks.compression.quantization.post_training.schemes import Builder, Built
from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.model import LiteRTModel, Model, Rung, StageFile
from featherline.tasks.contracts.post_training import QatTraining
from featherline.tasks.contracts.references import GoldenRef, LiteRTFileRef
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.request import StepRequest
from featherline.tasks.contracts.steps.export import ExportInputs, ExportOutputs, ExportParams
from featherline.tasks.contracts.steps.quantize import QuantizeInputs, QuantizeOutputs, QuantizeParams
from featherline.tasks.data.dataset import Examples, in_turn
from featherline.tasks.litert import flatbuffer, metadata
from featherline.tasks.litert.graph import read_graph
from featherline.tasks.litert.interpreter import Fed, FileRunner, in_words
from featherline.tasks.modalities.feeding import preprocessing_of
from featherline.tasks.problems.scored import scored_in_batches, slices_of, with_targets
from featherline.tasks.running.context import Context
from featherline.tasks.running.execute import execute


def export(inputs: ExportInputs, params: ExportParams, context: Context) -> ExportOutputs:
    """Convert a model, write what it is into the file, and keep golden vectors that the file was seen to give.

    Raises:
        Refused: The model does not fit the data, or cannot be had in the scheme; no rung of the fallback ladder
            keeps its rules; the file breaks an invariant.
    """
    store = context.store
    dataset = store.read(inputs.data, Dataset)
    started = time.monotonic()
    stages = _stages((*inputs.stages, *inputs.between, inputs.model) if inputs.stages else ())
    with Builder(store, dataset, inputs.model, params.calibration, stages) as builder:
        return _exported(builder, inputs, params, context, started=started, stages=stages)


def _exported(
    builder: Builder,
    inputs: ExportInputs,
    params: ExportParams,
    context: Context,
    *,
    started: float,
    stages: Sequence[Model],
) -> ExportOutputs:
    store, dataset = builder.store, builder.dataset
    rungs: tuple[Rung, ...] = ()
    if params.fallback_ladder is None:
        built = builder.build(inputs.scheme, params.mixed)
    else:
        trained = partial(_trained, inputs, params.fallback_ladder.qat, context)
        built, rungs = climb(builder, inputs.scheme, params.fallback_ladder, params.mixed, trained)
    print(f"export: {built.scheme}, {len(built.data):,} bytes before they are put in order, {_since(started)}")

    graph = read_graph(built.data)
    check_integer(graph, built.scheme, built.layers)
    check_kernels(graph)
    check_kept(graph, built.model)
    objects = flatbuffer.unpack(built.data)
    flatbuffer.compact(objects)
    bare = flatbuffer.pack(objects)
    runner = FileRunner(bare)
    wanted = builder.problem.outputs(dataset.vocabulary)
    if not runner.gives(wanted):
        raise refuse(
            "export got a model for other data",
            expected=f"outputs of the shape {in_words(wanted)}, as {dataset.name} needs them",
            got=in_words(runner.output_shapes),
            fix="train the model on this data, or give the data that it was trained on",
        )
    validation, problem = builder.split("validation"), builder.problem
    scores = scored_in_batches(problem, with_targets(runner.outputs_of(validation), validation.targets))
    quality = problem.aggregate(scores)
    check_faithful(built.model, built.scheme, problem, scores)
    if built.scheme == "static_wmixed_ai8" and params.fallback_ladder is None:
        check_budget(builder.reference.compare(bare), params.mixed, problem.quality)

    said = _metadata(params, dataset, runner=runner, built=built, quality=quality)
    data = metadata.write(bare, said)
    test = builder.split("test")
    vectors = test.take(in_turn(problem.strata(test.targets), params.golden))
    golden = _golden(bare, data, vectors.stored(), vectors.arrays())
    source = problem.quality.text(built.model.validation_quality)
    print(
        f"export: {len(data):,} bytes with metadata and labels, validation {problem.quality.told(quality)} "
        f"(source {source}), {len(vectors)} golden vectors, {_since(started)} in all"
    )
    return ExportOutputs(
        model=LiteRTModel(
            file=store.put_bytes(data, LiteRTFileRef),
            scheme=built.scheme,
            ends=runner.ends,
            golden=store.put_bytes(golden, GoldenRef),
            validation_quality=quality,
            validation_slices=slices_of(problem, scores, dataset.vocabulary),
            source=built.model,
            layers=built.layers,
            rungs=rungs,
            stages=tuple(_stage_file(builder, stage) for stage in stages),
        )
    )


def _trained(inputs: ExportInputs, training: QatTraining, context: Context) -> Model:
    """Return the model after quantization-aware training, as `quantize` does it or has done it."""
    inputs_of_quantize = QuantizeInputs(model=inputs.model, teacher=inputs.teacher or inputs.model, data=inputs.data)
    asked = QuantizeParams(scheme="int8", qat=True, fit=training.fit, distillation=training.distillation)
    request = StepRequest(
        inputs=inputs_of_quantize.model_dump(mode="json"),
        params=asked.model_dump(mode="json"),
        label=context.label,
        seed=context.seed,
        provenance=context.provenance,
        ignore_cache=context.ignore_cache,
    )
    result = execute("quantize", request, context, time.monotonic())
    return QuantizeOutputs.model_validate(result.outputs).model


def _stages(models: Sequence[Model]) -> tuple[Model, ...]:
    """Return what the lane's steps made of its first model, each once.

    A model that was trained for int8 has no float file; its effect shows in the file itself.
    """
    made = {model.file.sha256: model for model in models if model.format == "keras"}
    return tuple(model for digest, model in made.items() if digest != models[0].file.sha256)


def _stage_file(builder: Builder, model: Model) -> StageFile:
    """Return a stage's float file, in order as the file that ships is."""
    objects = flatbuffer.unpack(builder.float_of(model))
    flatbuffer.compact(objects)
    file = builder.store.put_bytes(flatbuffer.pack(objects), LiteRTFileRef)
    return StageFile(stage=model.stages[-1] if model.stages else "model", file=file)


def _metadata(
    params: ExportParams,
    dataset: Dataset,
    *,
    runner: FileRunner,
    built: Built,
    quality: float,
) -> metadata.FileMetadata:
    return metadata.FileMetadata(
        labels=dataset.vocabulary,
        preprocessing=preprocessing_of(built.model, dataset),
        inputs={
            name: _end(end).model_copy(update={"stored": dataset.inputs[name].dtype})
            for name, end in runner.inputs.items()
        },
        outputs={name: _end(end) for name, end in runner.outputs.items()},
        scheme=built.scheme,
        validation_quality=quality,
        source_validation_quality=built.model.validation_quality,
        versions=built.versions,
        author=params.author,
        licence=params.licence,
        description=params.description,
    )


def _end(details: Mapping[str, Any]) -> metadata.End:
    dtype, shape = np.dtype(details["dtype"]).name, tuple(map(int, details["shape"][1:]))
    scale, zero_point = details["quantization"]
    if dtype.startswith("float") or scale == 0:
        return metadata.End(shape=shape, dtype=dtype)
    return metadata.End(shape=shape, dtype=dtype, scale=float(scale), zero_point=int(zero_point))


def _golden(bare: bytes, data: bytes, stored: Examples, fed: Fed) -> bytes:
    """Return the golden vectors of the final file as `.npz`; the file without its metadata must give the same ones.

    `raw.<input>` is an example as it lies in the data, `inputs.<input>` as the file takes it, so that the way from the
    one to the other can be tried too; `outputs.<output>` is what the file gives.

    Raises:
        RuntimeError: It does not.
    """
    final = FileRunner(data)
    encoded = final.quantize(fed)
    outputs, others = final.run(encoded), FileRunner(bare).run(encoded)
    if any(not np.array_equal(values, others[name]) for name, values in outputs.items()):
        raise RuntimeError("the metadata changed what the file computes")
    parts = {"raw": stored, "inputs": encoded, "outputs": outputs}
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {f"{part}.{name}": values for part, ends in parts.items() for name, values in ends.items()}
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _since(started: float) -> str:
    return f"{time.monotonic() - started:.1f} s"
