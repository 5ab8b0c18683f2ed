"""Resolve: freeze what a run depends on and what can change while it runs.

    recipe, overrides, device, the registry's champion and teachers ──► [resolve] ──► the parameters of every step

It is the door of a run: a typo, an unknown device, a candidate without its technique, a missing key, a store or a
registry out of reach are refused here, before hours are spent. It always runs; it counts as a hit when the answer is
one it gave before. Where nothing changed since the last run it says so, and all that follows is skipped
(`releasing.unchanged`), unless the run is asked for all the same.

    python -m featherline.tasks resolve --request request.json --result result.json --store var/store
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from featherline.tasks.contracts.base import Contract
from featherline.tasks.contracts.device import Budget
from featherline.tasks.contracts.recipe import Recipe
from featherline.tasks.contracts.references import Champion, RecipeRef
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.request import Variable
from featherline.tasks.contracts.steps.choose import ChooseParams
from featherline.tasks.contracts.steps.dry_run import DryRunParams
from featherline.tasks.contracts.steps.evaluate import EvaluateParams
from featherline.tasks.contracts.steps.export import ExportParams
from featherline.tasks.contracts.steps.plan import PlanParams
from featherline.tasks.contracts.steps.preprocess import PreprocessParams
from featherline.tasks.contracts.steps.promote import PromoteParams
from featherline.tasks.contracts.steps.propose import ProposeParams
from featherline.tasks.contracts.steps.publish import PublishParams
from featherline.tasks.contracts.steps.register import RegisterParams
from featherline.tasks.contracts.steps.report import ReportParams
from featherline.tasks.contracts.steps.resolve import ResolveInputs, ResolveOutputs, ResolveParams
from featherline.tasks.contracts.steps.search import SearchParams
from featherline.tasks.contracts.steps.select import SelectParams
from featherline.tasks.contracts.steps.train import TrainParams
from featherline.tasks.contracts.steps.validate_metrics import ValidateMetricsParams
from featherline.tasks.planning.recipes import read_device, read_recipe
from featherline.tasks.releasing.registries.baseline import float_baseline
from featherline.tasks.releasing.registries.opening import open_registry
from featherline.tasks.releasing.unchanged import Question, begin, unchanged_since, world_of
from featherline.tasks.running.context import Context
from featherline.tasks.running.outside_names import recipe_key


class _Frozen(Contract):
    """What tells whether this world was seen before."""

    recipe: str
    seed: int
    params: dict[str, dict[str, Any]]
    champion: Champion | None


def resolve(inputs: ResolveInputs, params: ResolveParams, context: Context) -> ResolveOutputs:  # noqa: ARG001
    """Read the recipe, the device and the champion, and return the parameters of every step.

    Raises:
        Refused: Any of them is wrong or out of reach.
    """
    registry = open_registry(context)
    recipe = read_recipe(
        context.recipes,
        params.recipe,
        params.overrides,
        teacher_of=lambda reference: float_baseline(reference, registry, context.store),
    )
    device = read_device(context.recipes, recipe.device)
    _check_signing(recipe)
    _check_rounds(recipe, params.rounds)
    name = recipe.release.name or recipe.name
    champion = registry.champion(name)
    of_steps = {step: value.model_dump(mode="json") for step, value in params_of_steps(recipe, device.budget).items()}
    frozen = _Frozen(recipe=recipe.name, seed=context.seed, params=of_steps, champion=champion)
    told = frozen.model_dump(mode="json")
    seen = context.store.blobs.size(f"artifacts/{frozen.content_sha256()}") is not None
    context.store.put(frozen, RecipeRef)
    ref = context.store.put(recipe, RecipeRef)
    context.store.blobs.replace(recipe_key(context.provenance.run_id), recipe.to_json())
    print(f"recipe {recipe.name} {ref.sha256[:12]}, device {device.name}, {_spoken(recipe)}")
    print(f"champion of {name}: {f'version {champion.version}' if champion else 'none yet'}")
    question = Question(name, world_of(told, ref), ref, champion, recipe.release.sign, registry, context)
    unchanged = None
    if params.unchanged == "skip" and not context.ignore_cache:
        unchanged = unchanged_since(question)
    if unchanged is None:
        begin(question)
    else:
        print(f"nothing changed since run {unchanged.run_id}, whose release {unchanged.release.uri} is the champion")
    workers = recipe.search.workers if recipe.search.space and recipe.search.trials else 1
    return ResolveOutputs(
        recipe=ref,
        params=of_steps,
        workers=tuple(range(workers)),
        rounds=recipe.candidates.auto.rounds if recipe.candidates.auto else 1,
        champion=champion,
        approve=recipe.release.approve,
        accept_unproven=recipe.release.accept_unproven,
        done_before=seen,
        unchanged=unchanged,
    )


def params_of_steps(recipe: Recipe, budget: Budget) -> dict[str, Contract]:
    """Return the parameters of every step outside the lanes, by step. `plan` gives each lane its own."""
    release = recipe.release
    name = release.name or recipe.name
    words = {"author": release.author, "licence": release.licence, "description": release.description}
    export = ExportParams(golden=release.golden, **words)
    rules = {"rules": recipe.gate.model_dump(exclude={"objective", "borderline", "measure"})}
    lanes: dict[str, Any] = {"budget": budget, "export": export, "evaluate": recipe.gate.measure}
    data = recipe.data.model_dump(exclude={"checks"})
    search = recipe.search.model_dump(exclude={"keep"})
    if recipe.search.budget == Budget():
        search["budget"] = budget
    return {
        "preprocess": PreprocessParams(**data | {"name": recipe.data.name or recipe.name}),
        "validate_data": recipe.data.checks.model_copy(update={"recipe": recipe.data.checks.recipe or recipe.name}),
        "dry_run": DryRunParams(
            architecture=recipe.model.architecture(),
            file=recipe.model.file,
            head=recipe.model.head,
            space=recipe.search.space if recipe.search.trials else None,
            candidates=recipe.candidates.templates,
            auto=recipe.candidates.auto,
            export=export,
        ),
        "train": TrainParams(
            architecture=recipe.model.architecture(),
            file=recipe.model.file,
            head=recipe.model.head,
            preprocessing=recipe.model.preprocessing,
            fit=recipe.train.fit(),
            freezing=recipe.train.freezing(),
        ),
        "validate_model": recipe.train.checks.model_copy(update={"recipe": recipe.train.checks.recipe or recipe.name}),
        "search": SearchParams(**search),
        "choose": ChooseParams(keep=recipe.search.keep, objective=recipe.search.objective),
        "plan": PlanParams(candidates=recipe.candidates.templates, auto=recipe.candidates.auto, **lanes),
        "propose": ProposeParams(auto=recipe.candidates.auto, objective=recipe.gate.objective, **lanes, **rules),
        "export": export,
        "evaluate": EvaluateParams(**recipe.gate.measure.model_dump()),
        "validate_metrics": ValidateMetricsParams(**rules),
        "select": SelectParams(budget=budget, objective=recipe.gate.objective, borderline=recipe.gate.borderline),
        "report": ReportParams(
            title=name, approve=release.approve, accept_unproven=release.accept_unproven, budget=budget, **words
        ),
        "publish": PublishParams(name=name, sign=release.sign),
        "register": RegisterParams(),
        "promote": PromoteParams(verify_signature=release.sign),
    }


def _check_signing(recipe: Recipe) -> None:
    key = os.environ.get(Variable.SIGNING_KEY)
    if recipe.release.sign and not (key and Path(key).is_file()):
        raise refuse(
            f"recipe {recipe.name} cannot sign its release",
            expected=f"{Variable.SIGNING_KEY}: the path of a PEM private key (release.sign is true)",
            got=key or "nothing",
            fix="set the signing key of the deployment, or release.sign: false",
        )


def _check_rounds(recipe: Recipe, rounds: int | None) -> None:
    auto = recipe.candidates.auto
    if auto is not None and rounds is not None and auto.rounds > rounds:
        raise refuse(
            f"recipe {recipe.name} asks for more rounds than the pipeline has",
            expected=f"candidates.auto.rounds: at most {rounds} ([featherline] rounds of Airflow's configuration)",
            got=str(auto.rounds),
            fix="lower candidates.auto.rounds, or set AIRFLOW__FEATHERLINE__ROUNDS and start Airflow again",
        )


def _spoken(recipe: Recipe) -> str:
    named = f"{len(recipe.candidates.templates)} candidates"
    auto = recipe.candidates.auto
    return named if auto is None else f"{named}, and proposals in {auto.rounds} rounds of {auto.lanes} lanes"
