"""The folder that MLflow keeps of a version: two flavours of one model, `tflite` and `python_function`.

MLmodel                     which flavours there are
data/model.tflite           the released file, byte for byte
data/model.json             what it says of itself: vocabulary, preprocessing, inputs and outputs
code/featherline_litert.py  what `mlflow.pyfunc.load_model` runs; needs numpy and ai-edge-litert alone
requirements.txt            those two
python_env.yaml             the same for MLflow's own environments
release/…                   the other files of the release
"""

from __future__ import annotations

import json
import platform
import shutil
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.litert.metadata import End, FileMetadata, read
from featherline.tasks.releasing.registries.registry import Submission
from featherline.tasks.releasing.releases.manifest import MODEL

LOADER = "featherline_litert"
REQUIREMENTS = ("ai-edge-litert", "numpy")


def write_bundle(folder: Path, submission: Submission, *, model_id: str, run_id: str) -> None:
    """Write the bundle of a submission.

    Raises:
        Refused: The model file says nothing of itself, so nobody could feed it.
    """
    content = (submission.folder / MODEL).read_bytes()
    metadata = read(content)
    if metadata is None:
        raise refuse(
            f"register cannot describe {submission.release.uri}",
            expected="a model file with its preprocessing inside, as `export` writes it",
            got="a file that says nothing of itself",
            fix="release a model that `export` made",
        )
    for name in ("data", "code", "release"):
        (folder / name).mkdir()
    (folder / "data" / MODEL).write_bytes(content)
    (folder / "data" / "model.json").write_bytes(metadata.to_json())
    shutil.copyfile(Path(__file__).with_name(f"{LOADER}.py"), folder / "code" / f"{LOADER}.py")
    for path in sorted(submission.folder.iterdir()):
        if path.name != MODEL:
            shutil.copyfile(path, folder / "release" / path.name)
    pins = [f"{name}=={version(name)}" for name in REQUIREMENTS]
    (folder / "requirements.txt").write_text("".join(f"{pin}\n" for pin in pins))
    environment = {"python": platform.python_version(), "dependencies": ["-r requirements.txt"]}
    (folder / "python_env.yaml").write_text(yaml.safe_dump(environment))
    described = _description(submission, metadata, len(content), model_id=model_id, run_id=run_id)
    (folder / "MLmodel").write_text(yaml.safe_dump(described, sort_keys=False))


def _description(
    submission: Submission, metadata: FileMetadata, size_bytes: int, *, model_id: str, run_id: str
) -> dict[str, Any]:
    return {
        "flavors": {
            "tflite": {"data": f"data/{MODEL}", "runtime": submission.measurement.runtime, "scheme": metadata.scheme},
            "python_function": {
                "loader_module": LOADER,
                "code": "code",
                "data": "data",
                "env": {"virtualenv": "python_env.yaml"},
                "python_version": platform.python_version(),
            },
        },
        "metadata": {"sha256": submission.release.model_sha256, "release_uri": submission.release.uri},
        "mlflow_version": version("mlflow-skinny"),
        "model_id": model_id,
        "model_uuid": model_id,
        "run_id": run_id,
        "model_size_bytes": size_bytes,
        "signature": _signature(metadata),
        "utc_time_created": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f"),
    }


def _signature(metadata: FileMetadata) -> dict[str, Any]:
    """Return what goes in, as it lies in the data, and what comes out, by name."""
    inputs = [
        {
            "type": "tensor",
            "name": name,
            "tensor-spec": {
                "dtype": metadata.inputs[name].stored or "uint8",
                "shape": _shape(metadata.inputs[name], how),
            },
        }
        for name, how in metadata.preprocessing.items()
    ]
    outputs = [
        {"type": "tensor", "name": name, "tensor-spec": {"dtype": "float32", "shape": [-1, *end.shape]}}
        for name, end in metadata.outputs.items()
    ]
    return {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs), "params": None}


def _shape(end: End, how: Preprocessing) -> list[int]:
    """Return the shape of an input; of a file that does not say it, its channels."""
    return [-1, *end.shape] if end.shape else [-1, -1, -1, len(how.mean)]
