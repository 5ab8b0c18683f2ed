"""Exporting a small real network in every scheme, with the real converter in its own process."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

import featherline.tasks.compression.quantization.post_training.schemes
from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.model import LiteRTModel, Model, Scheme
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.request import Exit, Provenance, StepRequest
from featherline.tasks.contracts.steps.export import ExportInputs, ExportParams
from featherline.tasks.data.dataset import in_turn, read_split
from featherline.tasks.litert import metadata
from featherline.tasks.litert.conversion import ConverterFailed, convert_apart
from featherline.tasks.litert.graph import read_graph
from featherline.tasks.litert.interpreter import FileRunner
from featherline.tasks.measuring.operators import float_operators
from featherline.tasks.modalities.image.preprocessing import model_inputs, own_of
from featherline.tasks.networks.framework import keras, tf
from featherline.tasks.networks.model_files import put_model
from featherline.tasks.running.context import Context
from featherline.tasks.steps.export import export
from featherline.tasks.store.artifacts import Store

SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
INPUTS = {"int8": np.int8, "int16x8": np.int16, "static_wi4_ai8": np.int8, "static_wmixed_ai8": np.int8}
"""Of the schemes that do not take float32."""

Exported = Callable[[Scheme], LiteRTModel]


@pytest.fixture
def store(shared_store: Store) -> Store:
    """Give the store in which the small network is exported once."""
    return shared_store


@pytest.fixture
def found(exported: Exported, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], None]:
    """Give a function after which the converter finds the float file, instead of making it in seconds."""
    file = tmp_path / "found.tflite"
    file.write_bytes(store.read_bytes(exported("float32").file))
    code = (
        "import pathlib, shutil, sys; folder = pathlib.Path(sys.argv[1]); "
        f"shutil.copy({str(file)!r}, folder / 'model.tflite'); (folder / 'versions.json').write_text('{{}}')"
    )
    program = (sys.executable, "-c", code)
    return lambda: monkeypatch.setattr(
        featherline.tasks.compression.quantization.post_training.schemes,
        "convert_apart",
        partial(convert_apart, program=program),
    )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_exported_file_is_as_good_as_its_source(exported: Exported, scheme: Scheme) -> None:
    """Every scheme keeps the validation accuracy of the model within two of a hundred images; int4 weights six."""
    model = exported(scheme)

    allowed = 0.06 if "wi4" in scheme or scheme == "static_wmixed_ai8" else 0.02
    assert model.scheme == scheme
    assert model.validation_quality == pytest.approx(model.source.validation_quality, abs=allowed)
    assert model.source.validation_quality > 0.7


def test_mixed_widths_keep_their_budget(exported: Exported) -> None:
    """What the widths were chosen under holds for the file: at most 0.01 lost, and not all layers are int8."""
    model = exported("static_wmixed_ai8")

    assert model.source.validation_quality - model.validation_quality <= 0.01 + 1e-9
    assert "int4" in {layer.width for layer in model.layers}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_golden_vectors_are_what_the_file_gives(exported: Exported, store: Store, scheme: Scheme) -> None:
    """Running the file on the golden inputs gives the golden outputs to the bit, in the file's own types."""
    model = exported(scheme)
    golden = np.load(io.BytesIO(store.read_bytes(model.golden)), allow_pickle=False)

    outputs = FileRunner(store.read_bytes(model.file)).run({"image": golden["inputs.image"]})["logits"]

    assert golden["inputs.image"].shape == (8, 8, 8, 1)
    assert golden["inputs.image"].dtype == INPUTS.get(scheme, np.float32)
    assert np.array_equal(outputs, golden["outputs.logits"])


@pytest.mark.parametrize("scheme", ["int8", "int16x8", "static_wi4_ai8"])
def test_integers_have_no_float_inside_or_at_their_ends(exported: Exported, store: Store, scheme: Scheme) -> None:
    """An integer file takes and gives integers and has no float operator."""
    graph = read_graph(store.read_bytes(exported(scheme).file))

    assert float_operators(graph) == []
    assert [graph.tensors[place].dtype for place in graph.inputs + graph.outputs] == [INPUTS[scheme]] * 2


def test_files_shrink_with_the_scheme(exported: Exported) -> None:
    """Half precision is smaller than float, int8 weights than half precision, int4 weights than int8 ones."""
    size = {scheme: exported(scheme).file.bytes for scheme in SCHEMES}

    assert size["float32"] > 1.5 * size["float16"]
    assert all(
        size["float16"] > size[scheme] for scheme in ("dynamic_wi8_afp32", "weight_only_wi8_afp32", "int8", "int16x8")
    )
    assert size["int8"] > size["static_wmixed_ai8"] >= size["static_wi4_ai8"]
    assert size["dynamic_wi8_afp32"] > size["dynamic_wi4_afp32"]
    assert size["weight_only_wi8_afp32"] > size["weight_only_wi4_afp32"]


def test_the_file_says_what_it_is(exported: Exported, store: Store, digits: tuple[DatasetRef, Dataset]) -> None:
    """Labels, preprocessing, quantization, accuracies and versions are inside the file."""
    model = exported("int8")
    data = store.read_bytes(model.file)

    said = metadata.read(data)

    assert said is not None
    assert said.labels == digits[1].vocabulary
    assert said.preprocessing["image"].mean == pytest.approx(digits[1].inputs["image"].statistics.mean)
    assert (said.inputs["image"].dtype, said.outputs["logits"].dtype) == ("int8", "int8")
    assert said.inputs["image"].scale == pytest.approx(FileRunner(data).inputs["image"]["quantization"][0])
    assert said.validation_quality == model.validation_quality
    assert said.source_validation_quality == model.source.validation_quality
    assert said.versions == {"tensorflow": tf.__version__, "tf-keras": keras.__version__}
    assert zipfile.ZipFile(io.BytesIO(data)).read("labels.txt").decode().split() == list(digits[1].vocabulary)


def test_the_file_is_the_same_whoever_asked(
    found: Callable[[], None], small_model: Model, store: Store, digits: tuple[DatasetRef, Dataset]
) -> None:
    """What the recipe says of author and licence is inside the file; its run, its name and its digest are not."""
    asked = Provenance(run_id="manual-1", recipe="digits", recipe_sha256="ab" * 32)
    params = ExportParams(golden=1, author="us", licence="MIT", description="reads digits")
    inputs = ExportInputs(model=small_model, scheme="float32", data=digits[0])

    found()
    out = export(inputs, params, Context(store, 0, asked))
    found()
    by_hand = export(inputs, params, Context(store, 0))
    said = metadata.read(store.read_bytes(out.model.file))

    assert said is not None
    assert (said.author, said.licence, said.description) == ("us", "MIT", "reads digits")
    assert out.model.file == by_hand.model.file


def test_equal_requests_give_equal_bytes(
    exported: Exported, small_model: Model, store: Store, digits: tuple[DatasetRef, Dataset]
) -> None:
    """Another run gives the same file and the same golden vectors: which run asked stands in the provenance alone."""
    another_run = Context(store, provenance=Provenance(run_id="another"))
    again = export(ExportInputs(model=small_model, scheme="int8", data=digits[0]), ExportParams(), another_run).model

    assert again.file == exported("int8").file
    assert again.golden == exported("int8").golden


def test_a_qat_model_keeps_its_ranges(
    store: Store, context: Context, digits: tuple[DatasetRef, Dataset], small_model: Model
) -> None:
    """A model that was trained with its quantizers exports as integers throughout, with the input range it learned."""
    import tensorflow_model_optimization as tfmot  # noqa: PLC0415 - seconds that only this test needs

    layers = keras.layers
    plain = keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(8, 3), layers.ReLU(), layers.Flatten()])
    plain.add(layers.Dense(10))
    qat = tfmot.quantization.keras.quantize_model(plain)
    qat.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    qat.fit(np.linspace(-5.1, 5.1, 6400, dtype=np.float32).reshape(100, 8, 8, 1), np.zeros(100), verbose=0)
    examples, labels = read_split(store, digits[1], "validation")
    images = examples["image"]
    right = qat.predict(model_inputs(images, own_of(digits[1].inputs["image"])), verbose=0).argmax(axis=1) == labels
    changes = {"file": put_model(store, qat, "qat_h5"), "format": "qat_h5", "validation_quality": right.mean()}
    source = small_model.model_copy(update=changes)

    out = export(ExportInputs(model=source, scheme="int8", data=digits[0]), ExportParams(golden=1), context)
    data = store.read_bytes(out.model.file)
    scale = FileRunner(data).inputs["image"]["quantization"][0]
    learned = {variable.name.rpartition("_")[2]: float(variable) for variable in qat.layers[0].weights[:2]}

    assert float_operators(read_graph(data)) == []
    assert 255 * scale == pytest.approx(learned["max:0"] - learned["min:0"], rel=0.01)


def test_a_model_that_stays_float_is_refused(
    store: Store, context: Context, digits: tuple[DatasetRef, Dataset], small_model: Model
) -> None:
    """A sine has no integer kernel: scheme int8 is refused, and the operators are named."""
    with pytest.raises(Refused) as refusal:
        export(
            ExportInputs(model=with_function(store, small_model, tf.math.sin), scheme="int8", data=digits[0]),
            PARAMS,
            context,
        )

    assert refusal.value.problems[0].got.startswith("3 float operators: DEQUANTIZE (")


def test_a_model_that_does_not_convert_is_a_crash(
    store: Store, context: Context, digits: tuple[DatasetRef, Dataset], small_model: Model
) -> None:
    """The converter's own last words are in the error."""
    odd = with_function(store, small_model, tf.math.digamma)

    with pytest.raises(ConverterFailed, match="Digamma"):
        export(ExportInputs(model=odd, scheme="float32", data=digits[0]), PARAMS, context)


def test_a_converter_that_dies_ends_the_step(
    context: Context, digits: tuple[DatasetRef, Dataset], small_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A death by signal leaves the step with exit code 139."""
    dies = (sys.executable, "-c", "import os; os.abort()")
    monkeypatch.setattr(
        featherline.tasks.compression.quantization.post_training.schemes,
        "convert_apart",
        partial(convert_apart, program=dies),
    )

    with pytest.raises(SystemExit) as death:
        export(ExportInputs(model=small_model, scheme="float32", data=digits[0]), PARAMS, context)

    assert death.value.code == Exit.CONVERTER_DIED


def test_a_model_of_other_classes_is_refused(
    found: Callable[[], None], store: Store, context: Context, digits: tuple[DatasetRef, Dataset], small_model: Model
) -> None:
    """Ten logits do not fit eleven classes."""
    found()
    more = store.put(digits[1].model_copy(update={"vocabulary": (*digits[1].vocabulary, "ten")}), DatasetRef)

    with pytest.raises(Refused) as refusal:
        export(ExportInputs(model=small_model, scheme="float32", data=more), PARAMS, context)

    expected = "outputs of the shape (11,), as digits needs them"
    assert (refusal.value.problems[0].expected, refusal.value.problems[0].got) == (expected, "(10,)")


def test_an_empty_split_is_refused(
    store: Store, context: Context, digits: tuple[DatasetRef, Dataset], small_model: Model
) -> None:
    """Without calibration images there are no ranges, and the converter is not even asked."""
    splits = dict(digits[1].splits)
    splits["calibration"] = splits["calibration"].model_copy(update={"shards": ()})
    bare = store.put(digits[1].model_copy(update={"splits": splits}), DatasetRef)

    with pytest.raises(Refused) as refusal:
        export(ExportInputs(model=small_model, scheme="int8", data=bare), PARAMS, context)

    assert refusal.value.problems[0].expected == "examples in the calibration split of digits"


def test_ending_the_step_ends_the_converter(
    store: Store, digits: tuple[DatasetRef, Dataset], small_model: Model, tmp_path: Path
) -> None:
    """After SIGTERM neither the step nor its converter runs two seconds later; no result is there, no folder left."""
    inputs = ExportInputs(model=small_model, scheme="int8", data=digits[0]).model_dump(mode="json")
    request = StepRequest(inputs=inputs, ignore_cache=True)
    (tmp_path / "request.json").write_bytes(request.to_json())
    command = [sys.executable, "-m", "featherline.tasks", "export", "--request", str(tmp_path / "request.json")]
    command += ["--store", store.uri, "--result", str(tmp_path / "result.json")]
    folder = tmp_path / "temporary"
    folder.mkdir()
    environment = os.environ | {"TMPDIR": str(folder)}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as step:
        converter = wait_for(lambda: children(step.pid))[0]

        step.send_signal(signal.SIGTERM)
        step.wait(timeout=2)
        wait_for(lambda: not running(converter), seconds=2)

    assert not (tmp_path / "result.json").exists()
    assert list(folder.iterdir()) == []


def test_classes_take_turns() -> None:
    """The first of each class comes first, in the order of the classes, then the second of each."""
    labels = np.array([2, 2, 0, 1, 0])

    assert in_turn(labels, 4).tolist() == [2, 3, 0, 4]
    assert sorted(in_turn(labels, 99).tolist()) == [0, 1, 2, 3, 4]


def test_steps_around_the_file_need_no_tensorflow() -> None:
    """Importing export and evaluate brings in neither TensorFlow nor pandas nor SciPy."""
    code = (
        "import json, sys\nfrom featherline.tasks.steps import export, evaluate\nprint(json.dumps(sorted(sys.modules)))"
    )

    modules = json.loads(subprocess.check_output([sys.executable, "-c", code], text=True))

    assert not {"tensorflow", "tf_keras", "pandas", "scipy"} & set(modules)


PARAMS = ExportParams(golden=1)


def with_function(store: Store, like: Model, function: Any) -> Model:
    """Return an untrained model with a function of TensorFlow between its layers."""
    image = keras.Input((8, 8, 1))
    stream = function(keras.layers.Conv2D(4, 3)(image))
    network = keras.Model(image, keras.layers.Dense(10)(keras.layers.Flatten()(stream)))
    return like.model_copy(update={"file": put_model(store, network)})


def children(pid: int) -> list[int]:
    """Return the processes that a process started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def running(pid: int) -> bool:
    """Return whether a process is there and no zombie."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def wait_for(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """Return what the condition gives as soon as it gives something true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise TimeoutError
