"""tf_keras models as artifacts: equal models give equal bytes, and loading runs no code of the file.

`.keras` for ordinary models, `.h5` for quantization-aware ones, which the `.keras` format cannot hold (TFMOT 0.8.1).
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from pathlib import Path
from typing import Literal

from featherline.tasks.contracts.model import Model
from featherline.tasks.contracts.references import ModelFileRef
from featherline.tasks.networks.foreign.archive import open_archive
from featherline.tasks.networks.foreign.build import build_model
from featherline.tasks.networks.framework import KerasModel
from featherline.tasks.store.artifacts import Store

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every entry: the earliest that a zip can say."""


def put_model(store: Store, model: KerasModel, form: Literal["keras", "qat_h5"] = "keras") -> ModelFileRef:
    """Store a model and return its reference. Optimizer state is not kept."""
    with tempfile.TemporaryDirectory(prefix="featherline-") as folder:
        path = Path(folder, "model.h5" if form == "qat_h5" else "model.keras")
        model.save(path, include_optimizer=False) if form == "qat_h5" else model.save(path)
        if form == "keras":
            _fix_times(path)
        return store.put_file(path, ModelFileRef)


def load_model(store: Store, model: Model) -> KerasModel:
    """Return the tf_keras model, not compiled."""
    if model.format == "keras":
        return load_file(store, model.file)
    import tensorflow_model_optimization as tfmot  # noqa: PLC0415 - 1 s that only this format costs

    with tfmot.quantization.keras.quantize_scope():
        return _loaded(store, model.file, ".h5")


def load_file(store: Store, file: ModelFileRef) -> KerasModel:
    """Return the tf_keras model of a `.keras` file, not compiled."""
    return _loaded(store, file, ".keras")


def load_path(path: Path) -> KerasModel:
    """Return the tf_keras model of a `.keras` file of our own, not compiled."""
    return _read(path, path.name)


def _loaded(store: Store, file: ModelFileRef, suffix: Literal[".keras", ".h5"]) -> KerasModel:
    """Return the model of a file that a step stored, as one that is not trusted.

    Whoever can write the store can plant a file, and a result that names it.

    Raises:
        Refused: It holds code, names what is not allowed, or does not hold together.
    """
    with store.fetched(file, suffix) as path:
        return _read(path, f"the stored model {file.sha256[:12]}{suffix}")


def _read(path: Path, name: str) -> KerasModel:
    with tempfile.TemporaryDirectory(prefix="featherline-") as folder:
        return build_model(open_archive(path, Path(folder), quantized=path.suffix == ".h5", name=name), name)


def _fix_times(path: Path) -> None:
    """Rewrite a `.keras` zip with fixed times and without the date of saving."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in sorted(archive.namelist())}
    metadata = json.loads(entries["metadata.json"])
    entries["metadata.json"] = json.dumps(metadata | {"date_saved": "1980-01-01@00:00:00"}, sort_keys=True).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in entries.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data)
