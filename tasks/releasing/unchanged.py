"""Whether a run would do anything: nothing changed since the last one, and what that one released still stands.

    last/<name>.json: the run before this one, and the world that it began in
        │ the same world?                recipe, parameters, seed, champion, code and libraries of every step
        │ did it come to its end?        every lane, and the promotion; nothing refused
        │ does its release stand?        the aliases where it left them, every file, the signature
        ▼ is each step of it a hit?      the key is made again, with the data and files outside as they are now
    Unchanged, or why not

Only the last run that began is looked at, whatever became of it: after one that failed, or whose promotion was refused
or taken back, all is asked for again.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

from pydantic import ValidationError

from featherline.tasks.contracts.base import canonical_json, digest
from featherline.tasks.contracts.reading import contract_of, read
from featherline.tasks.contracts.references import Champion, RecipeRef
from featherline.tasks.contracts.refusal import OutOfReach, Refused
from featherline.tasks.contracts.request import StepRecord
from featherline.tasks.contracts.step import EffectOutputs
from featherline.tasks.contracts.steps.plan import PlanOutputs
from featherline.tasks.contracts.steps.promote import PromoteOutputs
from featherline.tasks.contracts.steps.propose import ProposeOutputs
from featherline.tasks.contracts.steps.register import RegisterOutputs
from featherline.tasks.contracts.steps.resolve import ResolveOutputs, Unchanged
from featherline.tasks.contracts.stored import OtherFormat, Stored
from featherline.tasks.releasing.registries.registry import ModelRegistry
from featherline.tasks.releasing.releases import folder
from featherline.tasks.releasing.releases.keys import signing_key
from featherline.tasks.releasing.releases.verification import fetched
from featherline.tasks.running import makers, step_cache
from featherline.tasks.running.code_closure import code_of, libraries_of
from featherline.tasks.running.context import Context
from featherline.tasks.running.execute import STEPS, work_of
from featherline.tasks.running.outside_names import check_names
from featherline.tasks.running.run_records import records

MOST_REASONS = 8
"""That are said why a run is not skipped."""

Records = Mapping[tuple[str, str], StepRecord]


class LastRun(Stored):
    """The last run of a model's name that began, and what it began with."""

    format: Literal[1] = 1
    run_id: str
    world: dict[str, Any]


@dataclass(frozen=True)
class Question:
    """What is asked of the last run.

    Attributes:
        name: Of the model that is released.
        world: Of `world_of`.
        recipe: The recipe of this run, as it lies in the store.
        champion: Who holds the alias now.
        sign: Whether releases are signed.
        registry: Of the deployment.
        context: Of this run.
    """

    name: str
    world: dict[str, Any]
    recipe: RecipeRef
    champion: Champion | None
    sign: bool
    registry: ModelRegistry
    context: Context


def world_of(frozen: Mapping[str, Any], recipe: RecipeRef) -> dict[str, Any]:
    """Return all that decides what a run gives, but what lies outside the store, as JSON.

    Of a step that had nothing to do there is no key, so the code of all of them counts.
    """
    code = {step: digest(canonical_json([code_of(step), libraries_of(step)])) for step in STEPS}
    python = ".".join(map(str, sys.version_info[:2]))
    return {**frozen, "recipe": recipe.sha256, "code": code, "python": python, "machine": platform.machine()}


def begin(question: Question) -> None:
    """Note that a run begins, so that the next one is held against it and none before."""
    context = question.context
    last = LastRun(run_id=context.provenance.run_id, world=question.world)
    context.store.blobs.replace(_key(question.name), last.to_json())


def unchanged_since(question: Question) -> Unchanged | None:
    """Return the last run where nothing changed since and its release stands; None, and the reasons told, otherwise.

    Raises:
        OutOfReach: The store or the registry is.
    """
    before = _last(question)
    if before is None or before.run_id == question.context.provenance.run_id:
        return None
    done = {(one.step, one.label): one for one in records(question.context.store, before.run_id)}
    try:
        reasons = tuple(islice(_reasons(question, before, done), MOST_REASONS))
    except (ValidationError, OtherFormat):
        reasons = ("what it left behind cannot be read",)
    if reasons:
        print("\n  ".join((f"not as run {before.run_id} left it", *reasons)))
        return None
    return Unchanged(
        run_id=before.run_id,
        release=_outputs(done, "register", RegisterOutputs).release,
        version=_outputs(done, "promote", PromoteOutputs).registration.version,
    )


def _key(name: str) -> str:
    return f"last/{name}.json"


def _last(question: Question) -> LastRun | None:
    data = question.context.store.blobs.read(_key(question.name))
    try:
        return None if data is None else LastRun.from_json(data)
    except (ValidationError, OtherFormat):  # written anew by the run that begins
        return None


def _reasons(question: Question, before: LastRun, done: Records) -> Iterator[str]:
    """Yield why something is to be done: all reasons of the first kind that is met, the cheapest kind first."""
    for kind in (
        step_cache.differences(before.world, question.world),
        _unfinished(done),
        _fallen(question, done),
        _misses(question, before, done),
    ):
        reasons = tuple(kind)
        if reasons:
            yield from reasons
            return


def _unfinished(done: Records) -> Iterator[str]:
    """Yield what the run did not bring to its end."""
    if ("promote", "") not in done:
        yield "it made no champion"
        return
    yield from (f"{one.step} {one.label} was refused".replace("  ", " ") for one in done.values() if not one.key)
    world = _outputs(done, "resolve", ResolveOutputs)
    searched = {label for step, label in done if step == "search"}
    if searched and searched != {str(worker) for worker in world.workers}:
        yield "a worker of its search died"
    proposed = [_outputs(done, "plan", PlanOutputs).candidates]
    for number in range(2, world.rounds + 1):
        if ("propose", f"round-{number}") not in done:
            yield f"its round {number} was not proposed"
            return
        proposed.append(_outputs(done, "propose", ProposeOutputs, f"round-{number}").candidates)
        if not proposed[-1]:
            break
    for lane in (candidate.name for round_ in proposed for candidate in round_):
        if ("evaluate", lane) not in done:
            yield f"its lane {lane} did not arrive"


def _fallen(question: Question, done: Records) -> Iterator[str]:
    """Yield what is not as the run left it, of the registry and of the release."""
    registered = _outputs(done, "register", RegisterOutputs)
    promoted = _outputs(done, "promote", PromoteOutputs).registration
    if promoted.registry != question.registry.address:
        yield f"the registry was {promoted.registry}, is {question.registry.address}"
        return
    now = question.champion
    if now is None or (now.version, now.model_sha256) != (promoted.version, promoted.model_sha256):
        yield f"the champion was version {promoted.version}, is {f'version {now.version}' if now else 'gone'}"
    alias = registered.registration.alias
    holder = question.registry.aliases(question.name).get(alias)
    if holder != registered.registration.version:
        yield f"{alias} was version {registered.registration.version}, is {f'version {holder}' if holder else 'gone'}"
    store, release = question.context.store, registered.release
    try:
        if question.sign:
            folder.check_signed(store, release, signing_key())
        else:
            with fetched(store, release):
                pass
    except OutOfReach:
        raise
    except Refused as refusal:
        yield refusal.problems[0].what


def _misses(question: Question, before: LastRun, done: Records) -> Iterator[str]:
    """Yield which steps would be no hits: the data changed, a model file, a builder, or a result is gone.

    A record may be planted: what it asks for names nothing outside that the recipe does not name.
    """
    its = question.context.provenance.model_copy(
        update={"run_id": before.run_id, "recipe_sha256": question.recipe.sha256}
    )
    context = replace(question.context, provenance=its, work=None)
    for (step, label), record in done.items():
        outputs = contract_of(step, "Outputs")
        if record.status == "unchanged" or record.key is None or issubclass(outputs, EffectOutputs):
            continue
        place = f"{step} {label}".rstrip()
        made = makers.made_by(context.store, step, record.key)
        if made is None:
            yield f"what {place} was asked is not known any more"
            continue
        try:
            inputs, params = read(step, made.request)
            check_names(step, params, context)
            work = work_of(step, inputs, params, replace(context, seed=made.request.seed))
        except OutOfReach:
            raise
        except Refused as refusal:
            yield refusal.problems[0].what
            continue
        if work.key != record.key:
            yield f"{place} has other work: what it reads outside has changed"
            continue
        found = step_cache.find(context.store, step, work.key, outputs)
        if isinstance(found, step_cache.Miss):
            yield f"{place}: {found}"


def _outputs(done: Records, step: str, contract: Any, label: str = "") -> Any:  # noqa: ANN401 - of the contract given
    """Return what a step gave.

    Raises:
        ValidationError: There is no such record, or it says something else.
    """
    record = done.get((step, label))
    return contract.model_validate(record.outputs if record else {})
