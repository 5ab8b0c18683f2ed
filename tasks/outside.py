"""What steps read outside their inputs, reduced to what a cache key can hold.

A step that reads something that can change (a folder of images, the ledger, a user's own module) has a function of its
name here. The shell calls it before it looks for a hit, and hands the answer to the step as `context.fingerprint`.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from tasks import ledger
from tasks.context import Context
from tasks.contracts.baseline import TrainInputs, TrainParams, ValidateModelInputs, ValidateModelParams
from tasks.contracts.data import PreprocessInputs, PreprocessParams, ValidateDataInputs, ValidateDataParams
from tasks.contracts.refusal import refuse
from tasks.sources.fingerprint import fingerprint


def preprocess(inputs: PreprocessInputs, params: PreprocessParams, context: Context) -> dict[str, str]:  # noqa: ARG001
    """Return the state of the source: the names, sizes and times (S3: ETags) of its files."""
    return {"source": fingerprint(params.source)}


def validate_data(inputs: ValidateDataInputs, params: ValidateDataParams, context: Context) -> dict[str, str]:
    """Return the data set that the drift is measured from."""
    entry = ledger.previous(context.store, params.recipe, "data", inputs.data.sha256)
    return {"previous": entry.subject if entry else ""}


def train(inputs: TrainInputs, params: TrainParams, context: Context) -> dict[str, str]:  # noqa: ARG001
    """Return the state of the user's own model file and of the user's own builder."""
    found = {"file": fingerprint(params.file)} if params.file else {}
    if params.architecture and ":" in params.architecture.builder:
        found["builder"] = _module_digest(params.architecture.builder.partition(":")[0])
    return found


def validate_model(inputs: ValidateModelInputs, params: ValidateModelParams, context: Context) -> dict[str, str]:
    """Return the baseline that this one must not be worse than."""
    entry = ledger.previous(context.store, params.recipe, "baseline", inputs.model.file.sha256)
    return {"previous": entry.subject if entry else ""}


def _module_digest(module: str) -> str:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.origin is None:
        raise refuse(
            f"train cannot find the module {module}",
            expected="a module that the tasks' environment can import",
            got=module,
            fix="install it into the image or the environment, or correct model.builder",
        )
    return hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()
