"""What the step says when the converter does not come back, with child processes that really die."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from featherline.tasks.contracts.model import Model
from featherline.tasks.contracts.references import ModelFileRef
from featherline.tasks.litert.conversion import ConverterDied, ConverterFailed, convert_apart
from featherline.tasks.litert.convert import ConversionRequest
from featherline.tasks.store.artifacts import Store

CALIBRATION = {"image": np.arange(8, dtype=np.float32).reshape(2, 2, 2, 1)}


@pytest.fixture
def model(store: Store) -> Model:
    """Give a model whose file no converter here looks at."""
    file = store.put_bytes(b"a model", ModelFileRef)
    return Model(file=file, parameters=1, macs=1, validation_quality=1.0)


def program(code: str) -> tuple[str, ...]:
    """Return a converter that runs `code`."""
    return (sys.executable, "-c", code)


def dying(name: str) -> tuple[str, ...]:
    """Return a converter that says something and dies of a signal."""
    return program(f"import os, signal; print('doomed', flush=True); os.kill(os.getpid(), signal.{name})")


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT"])
def test_a_fault_of_the_converter_is_exit_139(store: Store, model: Model, name: str) -> None:
    """A converter that dies of its own fault ends the step with the code that is never retried."""
    with pytest.raises(ConverterDied) as death:
        convert_apart(store, model, "int8", CALIBRATION, program=dying(name))

    assert death.value.code == 139


def test_a_death_leaves_what_repeats_it(store: Store, model: Model, capsys: pytest.CaptureFixture[str]) -> None:
    """The bundle's place is printed; it holds the request, the model, the calibration images and the last words."""
    with pytest.raises(ConverterDied):
        convert_apart(store, model, "int8", CALIBRATION, program=dying("SIGSEGV"))

    said = capsys.readouterr().out
    place = next(line for line in said.splitlines() if "is kept at" in line).rpartition(" ")[2]
    with zipfile.ZipFile(Path(place)) as bundle:
        request = ConversionRequest.model_validate_json(bundle.read("request.json"))
        assert request.calibration is not None
        assert bundle.read(f"artifacts/{request.model.file.sha256}") == b"a model"
        assert f"artifacts/{request.calibration['image'].sha256}" in bundle.namelist()
        assert bundle.read("converter.log") == b"doomed\n"
    assert "doomed" in said


def test_a_kill_is_exit_137(store: Store, model: Model, capsys: pytest.CaptureFixture[str]) -> None:
    """A converter that is killed from outside ran out of memory, most likely: the code that is retried with more."""
    with pytest.raises(ConverterDied) as death:
        convert_apart(store, model, "float32", None, program=dying("SIGKILL"))

    assert death.value.code == 137
    assert "memory" in capsys.readouterr().out


def test_an_exception_is_a_crash_with_its_last_lines(store: Store, model: Model) -> None:
    """A Python exception of the converter becomes one of the step, and says what the converter said."""
    with pytest.raises(ConverterFailed, match="ValueError: no such operator"):
        convert_apart(store, model, "float32", None, program=program("raise ValueError('no such operator')"))


def test_the_converter_has_no_keys_of_the_store(store: Store, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model from outside is loaded in a process that has no credentials."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")

    keys = program("import os; exit(f\"keys: {[n for n in os.environ if 'AWS' in n]}\")")

    with pytest.raises(ConverterFailed, match=r"keys: \[\]"):
        convert_apart(store, model, "float32", None, program=keys)


def test_nothing_stays_in_the_temporary_folder(
    store: Store, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of a conversion is gone after it, also where the converter died."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    with pytest.raises(ConverterDied):
        convert_apart(store, model, "float32", None, program=dying("SIGABRT"))

    assert not list(tmp_path.glob("featherline-*"))


def test_float_files_are_made_in_the_same_process(store: Store, model: Model) -> None:
    """Each comes back in its place."""
    others = [model.model_copy(update={"file": store.put_bytes(data, ModelFileRef)}) for data in (b"one", b"two")]
    copies = (
        "import json, pathlib, sys; folder = pathlib.Path(sys.argv[1]); "
        "asked = json.loads((folder / 'request.json').read_text()); "
        "read = lambda one: (folder / 'artifacts' / one['file']['sha256']).read_bytes(); "
        "(folder / 'model.tflite').write_bytes(read(asked['model'])); (folder / 'versions.json').write_text('{}'); "
        "[(folder / f'float-{n}.tflite').write_bytes(read(one)) for n, one in enumerate(asked['floats'])]"
    )

    made = convert_apart(store, model, "int8", CALIBRATION, floats=others, program=program(copies))

    assert made.data == b"a model"
    assert made.floats == (b"one", b"two")
