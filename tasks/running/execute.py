"""Execute a step: hand on what needs no work, find what was done before, or do it and keep the result.

    request ──► nothing to do? ──► key ──► hit? ──► the step's module ──► result, kept under its key

TensorFlow is imported by the step's own module, and only after both questions were answered with no.
The shell executes a step for its caller. A step that needs the work of another one executes it too, so that the work is
kept for itself, and found by whoever requests the same.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeVar

from featherline.tasks.contracts.base import Contract, digest
from featherline.tasks.contracts.reading import contract_of, read
from featherline.tasks.contracts.references import RecipeRef
from featherline.tasks.contracts.refusal import OutOfReach, Refused, did_you_mean, refuse
from featherline.tasks.contracts.request import StepRequest, StepResult
from featherline.tasks.contracts.step import EffectOutputs, Params
from featherline.tasks.running import makers, step_cache
from featherline.tasks.running.context import Context
from featherline.tasks.running.external_state import observe
from featherline.tasks.running.importing import end_of_imports
from featherline.tasks.running.makers import Made
from featherline.tasks.running.outside_names import check_names, outside_names, recipe_key
from featherline.tasks.running.step_cache import Hit, Lack, Miss
from featherline.tasks.running.work import Work
from featherline.tasks.store.damage import Damaged

STEPS = tuple(sorted(path.stem for path in Path(__file__).parents[1].glob("steps/[a-z]*.py")))
"""The files of `steps/`; no other rule."""
MOST_REASONS = 8
"""Of a miss, that are said and kept."""

_being_made: set[str] = set()
"""Artifacts whose makers are at work, so that none waits for itself."""

T = TypeVar("T")


def execute(step: str, request: StepRequest, context: Context, started: float, *, anew: bool = False) -> StepResult:
    """Run a step, or find that it needs not run, and return its result.

    What it reads and finds damaged is made again by the step that made it, here and now.

    Args:
        step: Its name.
        request: To it.
        context: Of the run.
        started: When, by the monotonic clock.
        anew: Run it whatever was done before.

    Raises:
        Refused: The request or the step's input is wrong.
        Damaged: An input is damaged, and what made it gives something else now, or cannot run here.
    """
    inputs, params = read(step, request)
    nothing_to_do = params.passthrough(inputs)
    if nothing_to_do is not None:
        parts = step_cache.ingredients(step, inputs, params, seed=request.seed)
        return _result(step, context, "unchanged", nothing_to_do, key=Work(parts).key, started=started)
    check_names(step, params, context)
    context = replace(context, seed=request.seed)
    work = healing(context, lambda: work_of(step, inputs, params, context, ignore_cache=request.ignore_cache))
    context, key, parts = replace(context, work=work), work.key, dict(work.ingredients)
    outputs_type: type[Contract] = contract_of(step, "Outputs")
    labelled = request.model_copy(update={"label": context.label})
    if issubclass(outputs_type, EffectOutputs):
        outputs = healing(context, lambda: _call(step, inputs, params, context))
        status: Literal["hit", "ran"] = "hit" if outputs.done_before else "ran"  # type: ignore[attr-defined]
        return _result(step, context, status, outputs, key=key, started=started)
    cached = Miss(Lack.DAMAGED) if anew else step_cache.find(context.store, step, key, outputs_type)
    if isinstance(cached, Hit):
        print(f"{step}: hit, made by run {cached.result.run_id}")
        return cached.result.model_copy(
            update={"status": "hit", "seconds": time.monotonic() - started, "label": context.label}
        )
    owner = "/".join(filter(None, (context.provenance.recipe, step, context.label)))
    reasons = step_cache.reasons(context.store, owner, parts, cached)[:MOST_REASONS]
    print(f"{step}: miss\n" + "\n".join(f"  {reason}" for reason in reasons))
    with context.store.recording() as made:
        outputs = healing(context, lambda: _call(step, inputs, params, context))
    result = _result(step, context, "ran", outputs, key=key, started=started, reasons=reasons)
    if step_cache.keep(context.store, result, outputs_type):
        told = Made(
            step=step,
            request=labelled,
            artifacts=tuple(sorted(made)),
            result_sha256=digest(result.to_json()),
            image=context.image,
        )
        makers.record(context.store, key, told)
    if not anew:
        step_cache.remember(context.store, owner, parts)
    return result


def work_of(step: str, inputs: Contract, params: Params, context: Context, *, ignore_cache: bool = False) -> Work:
    """Return the work that a step is asked for, with what it reads outside its inputs as it is now.

    Raises:
        Refused: The module of a builder cannot be found.
    """
    seen = observe(step, params.external_state(inputs), context.store, context.provenance)
    only_run = context.provenance.run_id if ignore_cache else ""
    parts = step_cache.ingredients(
        step, inputs, params, seed=context.seed, external_state=seen.ingredients(), only_run=only_run
    )
    return Work(parts, seen, ignore_cache)


def healing(context: Context, work: Callable[[], T]) -> T:
    """Do work that reads the store, again after what it found damaged was made again.

    Raises:
        Damaged: It cannot be made again here.
    """
    healed: set[str] = set()
    while True:
        try:
            return work()
        except Damaged as damage:
            print(f"damaged\n{damage}")
            if damage.ref.sha256 in healed or not _make_again(damage.ref.sha256, context):
                raise
            healed.add(damage.ref.sha256)


def _make_again(sha256: str, context: Context) -> bool:
    """Have the step that stored an artifact store it once more. Returns whether it is there now.

    A record may be planted: what it asks for is done where it could have been requested by the run that reads, and
    ends in an artifact of this digest or in nothing.
    """
    if _is_recipe(sha256, context):
        return True
    if sha256 in _being_made:
        return False
    _being_made.add(sha256)
    try:
        for made in makers.makers_of(context.store, sha256):
            if not _may_run(made, context):
                continue
            print(f"artifacts/{sha256} is made again: {made.step} {made.request.label}".rstrip())
            its = replace(
                context,
                seed=made.request.seed,
                provenance=made.request.provenance,
                label=made.request.label,
                work=None,
                reader=context.requester,
            )
            try:
                execute(made.step, made.request, its, time.monotonic(), anew=True)
            except OutOfReach:
                raise
            except (Refused, Damaged, ImportError) as error:
                print(f"{made.step} cannot make it again: {error}")
            if context.store.blobs.sha256(f"artifacts/{sha256}") == sha256:
                return True
        return False
    finally:
        _being_made.discard(sha256)


def _is_recipe(sha256: str, context: Context) -> bool:
    """Put the run's recipe back from its second copy, if that is what was lost."""
    data = context.store.blobs.read(recipe_key(context.requester.run_id))
    if data is None or digest(data) != sha256:
        return False
    context.store.put_bytes(data, RecipeRef)
    return True


def _may_run(made: Made, context: Context) -> bool:
    """Return whether a record is of a step that has no effects, and names nothing outside that nobody requested."""
    if made.step not in STEPS or issubclass(contract_of(made.step, "Outputs"), EffectOutputs):
        return False
    params = made.request.params if made.request.candidate is None else made.request.candidate
    if context.requester.recipe_sha256 is None and (names := outside_names(params)):
        print(f"{made.step} is not run again from its record, which names {names[0]}: run it by hand, as before")
        return False
    return True


def _call(step: str, inputs: Contract, params: Params, context: Context) -> Contract:
    if step not in STEPS:
        raise refuse(
            "the shell has no such step", expected="a step of tasks/steps/", got=step, fix=did_you_mean(step, STEPS)
        )
    function = getattr(importlib.import_module(f"featherline.tasks.steps.{step}"), step)
    end_of_imports()
    outputs: Contract = function(inputs, params, context)
    return outputs


def _result(
    step: str,
    context: Context,
    status: Literal["ran", "hit", "unchanged"],
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
