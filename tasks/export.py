"""Export: turn a trained model into one `.tflite` file that says what it is, and prove that the file works.

    model ──► converter (a child process) ──► compact ──► metadata, labels ──► file
                                                │                               │
                                    validation accuracy                  golden vectors, run twice

The file takes one image at a time. `int8` takes and gives int8 and has no float operator left. TensorFlow is imported
by the converter's process alone. Equal model and request give equal bytes.

    python -m tasks export --request request.json --result result.json
"""

from __future__ import annotations

import io
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.context import Context
from tasks.contracts.artifacts import Dataset, GoldenRef, LiteRTFileRef, LiteRTModel, Scheme, SplitName
from tasks.contracts.lane import ExportInputs, ExportOutputs, ExportParams
from tasks.contracts.refusal import examples, refuse
from tasks.dataset import Labels, normalise, read_split
from tasks.litert import flatbuffer, metadata
from tasks.litert.conversion import Converted, convert_apart
from tasks.litert.graph import read_graph
from tasks.litert.interpreter import Classifier
from tasks.measuring.operators import float_operators
from tasks.store import Store


def in_turn(labels: Labels, count: int) -> NDArray[np.intp]:
    """Return the places of the first `count` images when the classes take turns, each in its own order.

    Args:
        labels: (n,).
        count: At most this many places come back; all n where there are fewer.
    """
    turns = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        members = labels == label
        turns[members] = np.arange(members.sum())
    return np.lexsort((labels, turns))[:count]


def check_integer(data: bytes, scheme: Scheme) -> None:
    """See that an int8 file computes with integers alone.

    Raises:
        Refused: The file is to be int8 and an operator of it computes in float.
    """
    left = float_operators(read_graph(data)) if scheme == "int8" else []
    if left:
        raise refuse(
            "export cannot make the model integer throughout",
            expected="no operator that computes in float, which scheme int8 promises",
            got=f"{len(left)} float operators: {examples(sorted(set(left)))}",
            fix="replace the layers behind them, or export with the scheme dynamic or float16",
        )


def export(inputs: ExportInputs, params: ExportParams, context: Context) -> ExportOutputs:
    """Convert a model, write what it is into the file, and keep golden vectors that the file was seen to give.

    Raises:
        Refused: The model does not fit the data, or cannot be had in the scheme.
    """
    store = context.store
    dataset = store.read(inputs.data, Dataset)
    started = time.monotonic()
    # a quantization-aware model brings its own ranges and keeps them, yet the converter asks for images all the same
    calibration = _split(store, dataset, "calibration")[0] if inputs.scheme == "int8" else None
    converted = convert_apart(store, inputs.model, inputs.scheme, calibration)
    print(f"export: {inputs.scheme}, {len(converted.data):,} bytes from the converter in {_since(started)}")

    objects = flatbuffer.unpack(converted.data)
    flatbuffer.compact(objects)
    bare = flatbuffer.pack(objects)
    check_integer(bare, inputs.scheme)
    classifier = Classifier(bare)
    if classifier.classes != len(dataset.classes):
        raise refuse(
            "export got a model for other classes",
            expected=f"{len(dataset.classes)} logits, one a class of {dataset.name}",
            got=f"{classifier.classes} logits",
            fix="train the model on this data, or give the data that it was trained on",
        )
    images, labels = _split(store, dataset, "validation")
    logits = classifier.logits(images)
    accuracy = float(np.mean(logits.argmax(axis=1) == labels))

    said = _metadata(inputs, params, context, dataset, classifier=classifier, converted=converted, accuracy=accuracy)
    data = metadata.write(bare, said)
    test_images, test_labels = _split(store, dataset, "test")
    chosen = test_images[in_turn(test_labels, params.golden)]
    golden = _golden(bare, data, chosen)
    print(
        f"export: {len(data):,} bytes with metadata and labels, validation accuracy {accuracy:.4f} "
        f"(source {inputs.model.validation_accuracy:.4f}), {len(chosen)} golden vectors, {_since(started)} in all"
    )
    return ExportOutputs(
        model=LiteRTModel(
            file=store.put_bytes(data, LiteRTFileRef),
            scheme=inputs.scheme,
            golden=store.put_bytes(golden, GoldenRef),
            validation_accuracy=accuracy,
            source=inputs.model,
        )
    )


def _split(store: Store, dataset: Dataset, name: SplitName) -> tuple[NDArray[np.float32], Labels]:
    """Return a split, normalised, and its labels.

    Raises:
        Refused: The split is empty.
    """
    images, labels = read_split(store, dataset, name)
    if len(images) == 0:
        raise refuse(
            "export cannot prove the file",
            expected=f"images in the {name} split of {dataset.name}",
            got="none",
            fix="give every split a share in the recipe's data section, and run preprocess again",
        )
    return normalise(images, dataset.normalisation), labels


def _metadata(
    inputs: ExportInputs,
    params: ExportParams,
    context: Context,
    dataset: Dataset,
    *,
    classifier: Classifier,
    converted: Converted,
    accuracy: float,
) -> metadata.FileMetadata:
    provenance = context.provenance
    return metadata.FileMetadata(
        labels=dataset.classes,
        normalisation=dataset.normalisation,
        input=_end(classifier.input),
        output=_end(classifier.output),
        scheme=inputs.scheme,
        accuracy=accuracy,
        source_accuracy=inputs.model.validation_accuracy,
        recipe=None if provenance.recipe_sha256 is None else provenance.recipe,
        recipe_sha256=provenance.recipe_sha256,
        run_id=provenance.run_id,
        versions=converted.versions,
        author=params.author,
        licence=params.licence,
        description=params.description,
    )


def _end(details: dict[str, Any]) -> metadata.End:
    dtype = np.dtype(details["dtype"]).name
    if dtype.startswith("float"):
        return metadata.End(dtype=dtype)
    scale, zero_point = details["quantization"]
    return metadata.End(dtype=dtype, scale=float(scale), zero_point=int(zero_point))


def _golden(bare: bytes, data: bytes, images: NDArray[np.float32]) -> bytes:
    """Return the golden vectors of the final file as `.npz`; the file without its metadata must give the same ones.

    Raises:
        RuntimeError: It does not.
    """
    final = Classifier(data)
    raw = final.quantize(images)
    outputs = final.run(raw)
    if not np.array_equal(outputs, Classifier(bare).run(raw)):
        raise RuntimeError("the metadata changed what the file computes")
    buffer = io.BytesIO()
    np.savez(buffer, inputs=raw, outputs=outputs)
    return buffer.getvalue()


def _since(started: float) -> str:
    return f"{time.monotonic() - started:.1f} s"
