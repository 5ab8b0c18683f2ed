"""Everything that people get wrong, each a row: refused at the door, in four parts, with nothing half-written.

Each row is a step called as a person or Airflow calls it, a process of its own on a real folder or a real S3 server.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from featherline.tasks.contracts.request import Exit

if TYPE_CHECKING:
    from featherline.stack.s3_server import S3Server

ROOT = Path(__file__).parents[3]
CLASSES = ("cat", "dog")
SOURCE_PARAMETERS = {"name": "pets", "calibration_count": 4, "classes": list(CLASSES)}
DATA_RULES = {"min_examples": 10, "min_calibration_per_stratum": 1}


@dataclass(frozen=True)
class Call:
    """A step, what it is asked, and what of its environment is not as it should be."""

    step: str
    params: dict[str, Any]
    inputs: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """A mistake, and the words in the four parts of the refusal."""

    make: Callable[[Place], Call]
    what: str
    expected: str
    got: str
    fix: str
    code: Exit = Exit.REFUSED
    """`UNAVAILABLE` where a server may come back."""


class Place:
    """A folder of the test's own, and the S3 server of this machine."""

    def __init__(self, folder: Path, s3_server: S3Server) -> None:
        """Keep the store in `folder/store`."""
        self.folder = folder
        self.s3_server = s3_server
        self.store = str(folder / "store")

    def call(self, call: Call) -> subprocess.CompletedProcess[str]:
        """Run a step to its end, in a process of its own."""
        asked = {
            "FEATHERLINE_STORE": self.store,
            "FEATHERLINE_RECIPES": str(ROOT / "recipes"),
            "FEATHERLINE_STUDIES": str(self.folder / "studies"),
            "FEATHERLINE_REQUEST": json.dumps({"inputs": call.inputs, "params": call.params}),
            "FEATHERLINE_RESULT": str(self.folder / "result.json"),
            "FEATHERLINE_PATIENCE_S": "0.2",
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "FEATHERLINE_"))}
        return subprocess.run(
            [sys.executable, "-m", "featherline.tasks", call.step],
            env=kept | asked | call.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    def before(self, call: Call) -> dict[str, Any]:
        """Run a step that must succeed, and return its outputs."""
        done = self.call(call)
        assert done.returncode == Exit.DONE, done.stdout + done.stderr
        answer = self.folder / "result.json"
        outputs: dict[str, Any] = json.loads(answer.read_text())["outputs"]
        answer.unlink()
        return outputs

    def digits(self) -> dict[str, Any]:
        """Return a small data set that is as it should be."""
        given = {"name": "digits", "source": "digits", "limit": 200, "calibration_count": 20}
        data: dict[str, Any] = self.before(Call("preprocess", given))["data"]
        return data


def recipe(**overrides: object) -> Callable[[Place], Call]:
    """Return the call of `resolve` for the recipe digits with overrides, given with `__` for a dot."""
    changed = {key.replace("__", "."): value for key, value in overrides.items()} | {"release.sign": False}
    return lambda _: Call("resolve", {"recipe": "digits", "overrides": changed})


def for_a_device(budget: dict[str, object]) -> Callable[[Place], Call]:
    """Return the call of `resolve` for a device with this budget."""

    def make(place: Place) -> Call:
        folder = shutil.copytree(ROOT / "recipes", place.folder / "recipes")
        watch = {"name": "watch", "description": "On a wrist.", "budget": budget}
        (folder / "devices" / "watch.yaml").write_text(json.dumps(watch))
        call = recipe(device="watch")(place)
        return Call(call.step, call.params, environment={"FEATHERLINE_RECIPES": str(folder)})

    return make


def planned_for(**budget: object) -> Callable[[Place], Call]:
    """Return the call of `plan` for a trained model and this budget."""

    def make(place: Place) -> Call:
        architecture = {"builder": "cnn", "options": {"widths": [4], "dense": 0}}
        given = {"architecture": architecture, "fit": {"epochs": 1}}
        model = place.before(Call("train", given, {"data": place.digits()}))["model"]
        return Call(
            "plan", {"candidates": {"int8": {"quantize": {"scheme": "int8"}}}, "budget": budget}, {"model": model}
        )

    return make


def source(write: Callable[[Path], None], **given: object) -> Callable[[Place], Call]:
    """Return the call of `preprocess` for a source that `write` makes."""

    def make(place: Place) -> Call:
        folder = place.folder / "source"
        write(folder)
        return Call("preprocess", SOURCE_PARAMETERS | {"source": str(folder)} | given)

    return make


def judged(write: Callable[[Path], None], **given: object) -> Callable[[Place], Call]:
    """Return the call of `validate_data` for a source that `preprocess` takes."""
    return lambda place: Call(
        "validate_data", DATA_RULES, {"data": place.before(source(write, **given)(place))["data"]}
    )


def model_file(write: Callable[[Path], None]) -> Callable[[Place], Call]:
    """Return the call of `train` for a model file that `write` makes."""

    def make(place: Place) -> Call:
        file = place.folder / "model.h5"
        data = place.digits()
        write(file)
        return Call("train", {"file": str(file), "fit": {"epochs": 0}}, {"data": data})

    return make


def on_s3(**environment: str) -> Callable[[Place], Call]:
    """Return the call of a step whose store is the S3 server, with something wrong in its environment."""

    def make(place: Place) -> Call:
        right = place.s3_server.environment() | {"FEATHERLINE_STORE": "s3://featherline/bad-input"}
        return Call("preprocess", {"name": "digits", "source": "digits"}, environment=right | environment)

    return make


def picture(seed: int) -> bytes:
    """Return a PNG of noise, 8x8 RGB."""
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def parquet(path: Path, pictures: list[bytes], labels: list[int]) -> None:
    """Write a parquet file of images."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"bytes": data, "path": f"{number}.png"} for number, data in enumerate(pictures)]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pq.write_table(pa.table({"image": pa.array(rows, kind), "label": pa.array(labels, pa.int64())}), path)


def nothing(folder: Path) -> None:
    """Write no source at all."""


def empty(folder: Path) -> None:
    """Write a parquet file without a row."""
    parquet(folder / "train.parquet", [], [])


def one_corrupt(folder: Path) -> None:
    """Write forty images, of which one is cut off."""
    pictures = [picture(number) for number in range(40)]
    pictures[7] = pictures[7][:50]
    parquet(folder / "train.parquet", pictures, [number % 2 for number in range(40)])


def unknown_label(folder: Path) -> None:
    """Write a label that is no class."""
    parquet(folder / "train.parquet", [picture(n) for n in range(40)], [n % 2 for n in range(39)] + [7])


def one_class(folder: Path) -> None:
    """Write cats only."""
    parquet(folder / "train.parquet", [picture(number) for number in range(40)], [0] * 40)


def hostile_names(folder: Path) -> None:
    """Write two classes, a third that is empty and is named to clear a screen, a FIFO and a link to itself."""
    for number in range(40):
        path = folder / CLASSES[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(number))
    (folder / "\x1b[2Jbird").mkdir()
    os.mkfifo(folder / "cat" / "fifo.png")
    (folder / "loop.png").symlink_to("loop.png")


def leaking(folder: Path) -> None:
    """Write a test split, three images of which are in train too."""
    parquet(folder / "train.parquet", [picture(n) for n in range(40)], [n % 2 for n in range(40)])
    parquet(folder / "test.parquet", [picture(n) for n in range(37, 57)], [n % 2 for n in range(37, 57)])


def a_model(*, classes: int = 10, layers: Callable[[Any], list[Any]] = lambda _: []) -> Any:
    """Return a network for the digits."""
    from featherline.tasks.networks.framework import keras  # noqa: PLC0415 - TensorFlow takes seconds, and most rows need none

    flat = [keras.Input((8, 8, 1)), keras.layers.Flatten(), *layers(keras.layers)]
    return keras.Sequential([*flat, keras.layers.Dense(classes)])


def truncated(file: Path) -> None:
    """Write the first half of a model."""
    a_model().save(file)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def with_a_lambda(file: Path) -> None:
    """Write a model that brings code of its own."""
    a_model(layers=lambda kinds: [kinds.Lambda(lambda x: x)]).save(file)


def of_seven_classes(file: Path) -> None:
    """Write a model for something else."""
    a_model(classes=7).save(file)


def closed_port() -> str:
    """Return the address of a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def without_its_registry(_: Place) -> Call:
    """Ask for a run whose registry does not answer."""
    call = recipe()(_)
    return Call(call.step, call.params, environment={"FEATHERLINE_REGISTRY": closed_port()})


ROWS = {
    "a recipe with a typo": Row(recipe(train__epoch=3), "no key train.epoch", "schema", "epoch", "did you mean epochs"),
    "a recipe with a wrong type": Row(
        recipe(train__epochs="many"), "cannot take train.epochs", "valid integer", "'many'", "correct train.epochs"
    ),
    "an unknown device": Row(
        recipe(device="phone-lo"), "no device phone-lo", "recipes/devices", "phone-lo", "did you mean phone-low"
    ),
    "an impossible budget": Row(
        for_a_device({"size_bytes": 0}), "budget.size_bytes", "greater than 0", "0", "devices/watch.yaml"
    ),
    "a budget that no candidate fits": Row(
        planned_for(size_bytes=100),
        "no candidate that can be had and can fit",
        "100",
        "int8: its weights take",
        "a smaller student",
    ),
    "a missing technique": Row(
        recipe(candidates__int8__prune={"method": "chanel"}),
        "candidate int8 cannot take prune.method",
        "channel, magnitude",
        "chanel",
        "did you mean channel",
    ),
    "a source that does not exist": Row(source(nothing), "no source at", "a folder", "nothing", "correct data.source"),
    "an empty source": Row(source(empty), "no image", "image", "0", "data.source"),
    "a corrupt image": Row(
        source(one_corrupt), "meets corrupt images", "max_corrupt_fraction", "train.parquet:7", "replace or remove"
    ),
    "an unknown label": Row(
        source(unknown_label),
        "a label that is no class",
        "one of cat, dog, or their places from 0 to 1",
        "7 (train.parquet:39)",
        "classes",
    ),
    "one class only": Row(source(one_class), "one class only", "2 classes", "only cat", "add images of the other"),
    "a class folder without an image, of a hostile name": Row(
        source(hostile_names), "a class folder without an image", "in each class folder", "x1b[2Jbird", "remove it"
    ),
    "images of 100,000 pixels a side": Row(
        source(one_class, image_size=[100_000, 100_000]), "cannot take image_size", "4096", "100000", "image_size"
    ),
    "leakage between splits": Row(
        judged(leaking), "the data gate refuses train and test: leakage", "at most 0", "3", "remove them from one"
    ),
    "a truncated model file": Row(
        model_file(truncated), "model.h5 cannot be read", "a whole model file", "truncated", "copy the file again"
    ),
    "a model with a Lambda layer": Row(
        model_file(with_a_lambda), "a layer that holds code", "without code", "Lambda", "replace it by layers of Keras"
    ),
    "a model of other classes": Row(
        model_file(of_seven_classes), "does not give these answers", "an output of 10", "an output of 7", "data.classes"
    ),
    "a wrong S3 secret": Row(
        on_s3(AWS_SECRET_ACCESS_KEY=secrets.token_hex(20)),
        "does not let us in",
        "keys",
        "SignatureDoesNotMatch",
        "the secret",
    ),
    "a store out of reach": Row(
        on_s3(AWS_ENDPOINT_URL_S3=closed_port()),
        "out of reach",
        "an S3 server",
        "Connection",
        "start the server",
        Exit.UNAVAILABLE,
    ),
    "a registry out of reach": Row(
        without_its_registry,
        "the registry http://",
        "an MLflow server",
        "refused",
        "FEATHERLINE_REGISTRY",
        Exit.UNAVAILABLE,
    ),
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_bad_input_is_refused_at_the_door(row: Row, tmp_path: Path, s3_server: S3Server):
    """The exit code says whether a retry helps; four lines say what is wrong; no result and no artifact is written."""
    place = Place(tmp_path, s3_server)
    call = row.make(place)
    before = results(place)

    refused = place.call(call)

    assert refused.returncode == row.code, refused.stdout + refused.stderr
    assert "Traceback" not in refused.stdout + refused.stderr
    told = refused.stdout.splitlines()
    parts = told[told.index("refused" if row.code == Exit.REFUSED else "unavailable") + 1 :]
    assert row.what in parts[0], refused.stdout
    for name, words in (("expected", row.expected), ("got", row.got), ("fix", row.fix)):
        line = next(part for part in parts if part.startswith(f"  {name}"))
        assert line.removeprefix(f"  {name}").strip(), refused.stdout
        assert words in line, refused.stdout
    assert not (tmp_path / "result.json").exists()
    assert results(place) == before
    assert half_written(place) == []


def results(place: Place) -> list[str]:
    """Return what would be taken for a finished step's, in the folder store and on the S3 server."""
    found = place.s3_server.client().list_objects_v2(Bucket="featherline", Prefix="bad-input/results/")
    on_s3 = [one["Key"] for one in found.get("Contents", [])]
    return on_s3 + sorted(str(path) for path in Path(place.store, "results").rglob("*") if path.is_file())


def half_written(place: Place) -> list[str]:
    """Return the artifacts that are not what their name says, and files that are neither artifact nor record."""
    folder = Path(place.store)
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    known = {"artifacts", "results", "runs", "ledger", "keys", "made"}
    strange = [str(path) for path in files if path.parts[0] not in known or path.suffix == ".part"]
    artifacts = [path for path in files if path.parts[0] == "artifacts"]
    digest = {path.name: hashlib.sha256((folder / path).read_bytes()).hexdigest() for path in artifacts}
    return strange + [name for name, sha256 in digest.items() if name != sha256]
