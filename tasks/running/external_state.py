"""What steps read outside their inputs, reduced to what a cache key can hold.

A step that reads something that can change (a folder of images, the ledger, a user's own module) has a function of its
name here. The shell calls it before it looks for a hit, and hands the answer to the step as `context.fingerprint`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from featherline.tasks.contracts.base import digest
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.steps.distill import DistillInputs, DistillParams
from featherline.tasks.contracts.steps.dry_run import DryRunInputs, DryRunParams
from featherline.tasks.contracts.steps.preprocess import PreprocessInputs, PreprocessParams
from featherline.tasks.contracts.steps.propose import ProposeInputs, ProposeParams
from featherline.tasks.contracts.steps.prune import PruneInputs, PruneParams
from featherline.tasks.contracts.steps.quantize import QuantizeInputs, QuantizeParams
from featherline.tasks.contracts.steps.report import ReportInputs, ReportParams
from featherline.tasks.contracts.steps.search import SearchInputs, SearchParams
from featherline.tasks.contracts.steps.train import TrainInputs, TrainParams
from featherline.tasks.contracts.steps.trim import TrimInputs, TrimParams
from featherline.tasks.contracts.steps.validate_data import ValidateDataInputs, ValidateDataParams
from featherline.tasks.contracts.steps.validate_model import ValidateModelInputs, ValidateModelParams
from featherline.tasks.running.context import Context
from featherline.tasks.running.lane_seconds import spent_seconds
from featherline.tasks.running.run_records import refusals
from featherline.tasks.store import accepted
from featherline.tasks.store.fingerprint import fingerprint


def preprocess(inputs: PreprocessInputs, params: PreprocessParams, context: Context) -> dict[str, str]:  # noqa: ARG001
    """Return the state of the source: the names, sizes and times (S3: ETags) of its files."""
    return {"source": fingerprint(params.source)}


def validate_data(inputs: ValidateDataInputs, params: ValidateDataParams, context: Context) -> dict[str, str]:
    """Return the data set that the drift is measured from."""
    entry = accepted.previous(context.store, params.recipe, "data", inputs.data.sha256)
    return {"previous": entry.subject if entry else ""}


def dry_run(inputs: DryRunInputs, params: DryRunParams, context: Context) -> dict[str, str]:  # noqa: ARG001
    """Return the state of the user's own builders, model file and teachers."""
    seen = {"file": fingerprint(params.file)} if params.file else {}
    templates = [template.model_dump() for template in params.candidates.values()]
    own = [part.builder for part in (params.architecture, params.space) if part]
    for builder in sorted({*own, *_named(templates, "builder")}):
        seen |= {f"{builder} {name}": value for name, value in _builder("dry_run", builder).items()}
    for source in sorted(_named(templates, "teacher")):
        seen[source] = fingerprint(source)
    return seen


def train(inputs: TrainInputs, params: TrainParams, context: Context) -> dict[str, str]:  # noqa: ARG001
    """Return the state of the user's own model file and of the user's own builder."""
    file = {"file": fingerprint(params.file)} if params.file else {}
    return file | (_builder("train", params.architecture.builder) if params.architecture else {})


def validate_model(inputs: ValidateModelInputs, params: ValidateModelParams, context: Context) -> dict[str, str]:
    """Return the baseline that this one must not be worse than."""
    entry = accepted.previous(context.store, params.recipe, "baseline", inputs.model.file.sha256)
    return {"previous": entry.subject if entry else ""}


def search(inputs: SearchInputs, params: SearchParams, context: Context) -> dict[str, str]:  # noqa: ARG001
    """Return the state of the user's own builder."""
    return _builder("search", params.space.builder) if params.space else {}


def propose(inputs: ProposeInputs, params: ProposeParams, context: Context) -> dict[str, str]:
    """Return how long the lanes have worked, where a limit is set to it."""
    if params.auto is None or params.auto.minutes is None:
        return {}
    names = {candidate.name for candidate in inputs.plan.candidates}
    return {"spent_s": f"{spent_seconds(context.store, context.provenance.run_id, names):.1f}"}


def report(inputs: ReportInputs, params: ReportParams, context: Context) -> dict[str, str]:  # noqa: ARG001
    """Return what was refused in the run so far, which the report tells."""
    refused = [(one.step, one.label, list(one.problems)) for one in refusals(context.store, context.provenance.run_id)]
    return {"refused": digest(json.dumps(refused, sort_keys=True).encode())} if refused else {}


def prune(inputs: PruneInputs, params: PruneParams, context: Context) -> dict[str, str]:  # noqa: ARG001
    """Return the state of the user's own teacher."""
    return _teacher(params.teacher)


def distill(inputs: DistillInputs, params: DistillParams, context: Context) -> dict[str, str]:  # noqa: ARG001
    """Return the state of the user's own builder of a new student, and of the user's own teacher."""
    builder = _builder("distill", params.architecture.builder) if params.architecture else {}
    return builder | _teacher(params.teacher)


def trim(inputs: TrimInputs, params: TrimParams, context: Context) -> dict[str, str]:  # noqa: ARG001
    """Return the state of the user's own teacher."""
    return _teacher(params.teacher)


def quantize(inputs: QuantizeInputs, params: QuantizeParams, context: Context) -> dict[str, str]:  # noqa: ARG001
    """Return the state of the user's own teacher."""
    return _teacher(params.teacher)


def _named(section: Any, key: str) -> Iterator[str]:  # noqa: ANN401 - of a recipe
    """Yield what stands under a key anywhere in a section; a value to search over names several."""
    if isinstance(section, list):
        for item in section:
            yield from _named(item, key)
    if not isinstance(section, dict):
        return
    for name, value in section.items():
        if name == key:
            options = value["search"] if isinstance(value, dict) and "search" in value else [value]
            yield from (option for option in options if isinstance(option, str))
        yield from _named(value, key)


def _teacher(source: str | None) -> dict[str, str]:
    return {"teacher": fingerprint(source)} if source else {}


def _builder(step: str, builder: str) -> dict[str, str]:
    """Return the digest of the module of `module:function`; builders of the zoo are part of the code's own digest."""
    return {"builder": _module_digest(step, builder.partition(":")[0])} if ":" in builder else {}


def _module_digest(step: str, module: str) -> str:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.origin is None:
        raise refuse(
            f"{step} cannot find the module {module}",
            expected="a module that the tasks' environment can import",
            got=module,
            fix="install it into the image or the environment, or correct the name of the builder",
        )
    return hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()
