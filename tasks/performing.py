"""Perform a step: hand on what needs no work, find what was done before, or do it and keep the result.

    request ──► nothing to do? ──► key ──► hit? ──► the step's module ──► result, kept under its key

TensorFlow is imported by the step's own module, and only after both questions were answered with no.
The shell performs a step for its caller. A step that needs the work of another one performs it too, so that the work is
kept for itself, and found by whoever asks the same.
"""

from __future__ import annotations

import importlib
import time
from dataclasses import replace
from pathlib import Path
from typing import Literal

from tasks import cache, outside
from tasks.context import Context
from tasks.contracts import steps
from tasks.contracts.asked import contract_of, read
from tasks.contracts.base import Contract
from tasks.contracts.refusal import did_you_mean, refuse
from tasks.contracts.request import StepRequest, StepResult
from tasks.contracts.step import EffectOutputs, Params

STEPS = tuple(
    sorted(
        name
        for name in (path.stem for path in Path(__file__).parent.glob("*.py"))
        if hasattr(steps, f"{''.join(word.title() for word in name.split('_'))}Params")
    )
)
"""Every file of `tasks/` that has contracts of its name."""


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


def _call(step: str, inputs: Contract, params: Params, context: Context) -> Contract:
    if step not in STEPS:
        raise refuse("the shell has no such step", expected="a step of tasks/", got=step, fix=did_you_mean(step, STEPS))
    function = getattr(importlib.import_module(f"tasks.{step}"), step)
    outputs: Contract = function(inputs, params, context)
    return outputs


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
