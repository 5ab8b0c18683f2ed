"""The shell: how every step is called, by Airflow or by hand.

    python -m tasks STEP --request request.json --result result.json --store var/store

    request ──► knobs ──► nothing to do? ──► key ──► hit? ──► step ──► result, written last ──► exit code

TensorFlow is imported by the step's own module, and only after both questions were answered with no.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib
import importlib.util
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from tasks import cache, outside
from tasks.context import Context, store_from_environment
from tasks.contracts import steps
from tasks.contracts.asked import contract_of, read
from tasks.contracts.base import Contract
from tasks.contracts.refusal import Refused, did_you_mean, from_validation, refuse
from tasks.contracts.request import Exit, StepRecord, StepRequest, StepResult, Variable
from tasks.contracts.step import EffectOutputs, Params

STEPS = tuple(
    sorted(
        name
        for name in (path.stem for path in Path(__file__).parent.glob("*.py"))
        if hasattr(steps, f"{''.join(word.title() for word in name.split('_'))}Params")
    )
)
"""Every file of `tasks/` that has contracts of its name."""

ORDER_LIMIT_S = 1
"""Two seconds after SIGTERM nothing of a step may be left."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one step as the command line or the environment asks. Returns its exit code."""
    die_with_parent()
    signal.signal(signal.SIGTERM, end_in_order)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    options = _parser().parse_args(arguments)
    started = time.monotonic()
    try:
        request = _read(options.request) if options.request else None
        for name, value in (
            (Variable.STORE, options.store),
            (Variable.REQUEST, request),
            (Variable.RESULT, options.result),
        ):
            if value is not None:
                os.environ[name] = value
        return _run(options.step, started)
    except Refused as refusal:
        print(f"refused\n{refusal}")
        return Exit.REFUSED


def end_in_order(number: int, _: object) -> None:
    """End this process on SIGTERM with its temporary folders removed, and without ado when that takes too long."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(ORDER_LIMIT_S)
    raise SystemExit(128 + number)


def die_with_parent() -> None:
    """End this process when the one that asked for it dies (Linux), so that no orphan goes on training."""
    parent = os.environ.get("FEATHERLINE_PARENT")
    if parent is None or sys.platform != "linux":
        return
    pr_set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGKILL)
    if os.getppid() != int(parent):  # it died before we asked
        raise SystemExit(1)


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise refuse(
            "the request cannot be read",
            expected="a file with a StepRequest as JSON",
            got=str(error),
            fix="correct --request",
        ) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tasks", description="Run one step of Featherline by hand.")
    parser.add_argument("step", choices=STEPS, metavar="STEP", help=", ".join(STEPS))
    parser.add_argument("--request", help=f"a StepRequest as JSON (default: the variable {Variable.REQUEST})")
    parser.add_argument("--result", help=f"where to write the StepResult (default: {Variable.RESULT}, else stdout)")
    parser.add_argument("--store", help=f"a folder or s3://bucket/prefix (default: the variable {Variable.STORE})")
    return parser


def _run(step: str, started: float) -> int:
    request = _request()
    label = request.label or _label(step, request)
    context = Context(store_from_environment(), request.seed, request.provenance, label)
    try:
        result = perform(step, request, context, started)
    except Refused as refusal:
        problems = tuple(asdict(problem) for problem in refusal.problems)
        seconds = time.monotonic() - started
        _record(context, StepRecord(step=step, label=label, status="refused", seconds=seconds, problems=problems))
        raise
    _record(context, StepRecord(**result.model_dump(exclude={"run_id"})))
    print(f"{step} {label} {result.status} in {result.seconds:.1f} s".replace("  ", " "))
    _answer(result)
    return Exit.DONE


def perform(step: str, request: StepRequest, context: Context, started: float) -> StepResult:
    """Run a step, or find that it needs not run, and return its result.

    Raises:
        Refused: The request or the step's input is wrong.
    """
    inputs, params = read(step, request)
    nothing_to_do = params.passthrough(inputs)
    if nothing_to_do is not None:
        parts = cache.ingredients(step, inputs, params, seed=request.seed, outside={})
        return _result(step, context, "passed", nothing_to_do, key=cache.key_of(parts), started=started)
    look_outside = getattr(outside, step, None)
    seen = look_outside(inputs, params, context) if look_outside else {}
    if request.ignore_cache:  # no result, no checkpoint and no study of an earlier run is taken
        seen |= {"only_run": request.provenance.run_id}
    context = replace(context, fingerprint=seen)
    parts = cache.ingredients(step, inputs, params, seed=request.seed, outside=seen)
    key = cache.key_of(parts)
    outputs_type: type[Contract] = contract_of(step, "Outputs")
    if issubclass(outputs_type, EffectOutputs):
        outputs = _call(step, inputs, params, context)
        status: Literal["hit", "ran"] = "hit" if outputs.done_before else "ran"  # type: ignore[attr-defined]
        return _result(step, context, status, outputs, key=key, started=started)
    found = cache.find(context.store, step, key, outputs_type)
    if not isinstance(found, str):
        print(f"{step}: hit, made by run {found[0].run_id}")
        return found[0].model_copy(
            update={"status": "hit", "seconds": time.monotonic() - started, "label": context.label}
        )
    owner = "/".join(filter(None, (context.provenance.recipe, step, context.label)))
    reasons = (found,) if "lost" in found or "read" in found else cache.explain(context.store, owner, parts)
    print(f"{step}: miss\n" + "\n".join(f"  {reason}" for reason in reasons[:8]))
    outputs = _call(step, inputs, params, context)
    result = _result(step, context, "ran", outputs, key=key, started=started, reasons=reasons[:8])
    cache.keep(context.store, result, outputs_type)
    cache.remember(context.store, owner, parts)
    return result


def _request() -> StepRequest:
    text = os.environ.get(Variable.REQUEST, "{}")
    try:
        return StepRequest.model_validate_json(text)
    except ValidationError as error:
        raise from_validation("the request", error) from None


def _call(step: str, inputs: Contract, params: Params, context: Context) -> Contract:
    if step not in STEPS:
        raise refuse("the shell has no such step", expected="a step of tasks/", got=step, fix=did_you_mean(step, STEPS))
    function = getattr(importlib.import_module(f"tasks.{step}"), step)
    outputs: Contract = function(inputs, params, context)
    return outputs


def _label(step: str, request: StepRequest) -> str:
    if request.candidate is not None:
        return str(request.candidate.get("name", ""))
    return str(request.inputs["worker"]) if step == "search" and "worker" in request.inputs else ""


def _result(
    step: str,
    context: Context,
    status: Literal["ran", "hit", "passed"],
    outputs: Contract,
    *,
    key: str,
    started: float,
    reasons: tuple[str, ...] = (),
) -> StepResult:
    return StepResult(
        step=step,
        label=context.label,
        run_id=context.provenance.run_id,
        status=status,
        key=key,
        seconds=time.monotonic() - started,
        outputs=outputs.model_dump(mode="json"),
        reasons=reasons,
    )


def _record(context: Context, record: StepRecord) -> None:
    """Say in the run's folder what became of the step; a retry of the same run writes it anew."""
    name = ".".join(filter(None, (record.step, record.label)))
    context.store.blobs.replace(f"runs/{context.provenance.run_id}/steps/{name}.json", record.to_json())


def _answer(result: StepResult) -> None:
    path = os.environ.get(Variable.RESULT)
    if path is None:
        print(json.dumps(result.model_dump(mode="json"), indent=2))
        return
    temporary = Path(f"{path}.part")
    temporary.write_bytes(result.to_json())
    temporary.replace(path)
