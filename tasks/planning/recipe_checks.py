"""What is wrong with the candidates of a recipe, before any of them is trained.

recipe ──► every lane that it names, and every one that `auto` may propose ──► Refused, with every mistake at once

A template holds values that its contract cannot see (`{search: [...]}`), so each lane of it is checked by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from featherline.tasks.contracts.auto import SET_BY_THE_SEARCH
from featherline.tasks.contracts.base import strictly
from featherline.tasks.contracts.candidate import Candidate, climbs
from featherline.tasks.contracts.keys import keys_of
from featherline.tasks.contracts.recipe import Recipe
from featherline.tasks.contracts.refusal import MOST_PROBLEMS, Problem, Refused, from_validation
from featherline.tasks.contracts.steps.export import ExportParams
from featherline.tasks.planning.auto.grid import candidate, name_of, points
from featherline.tasks.planning.expand import expand, lanes_of
from featherline.tasks.planning.transfer_checks import check_transfer
from featherline.tasks.problems.opening import problem_judged_by

WRITTEN_IN = "the recipe, or its override"
MOST_LANES = 80
"""Of the candidates that a recipe names. The answer of `plan` and the board of a run hold as many."""
FRESH = "a searched architecture begins with fresh weights"


def check_candidates(recipe: Recipe) -> None:
    """Check every lane that the recipe names or may propose.

    Raises:
        Refused: A lane cannot be, or would throw away a part of what it is asked; or nobody says what is good enough.
    """
    crowded = list(_too_many(recipe))
    if crowded:
        raise Refused(*crowded)  # before any of them is made
    found = (*_named(recipe), *_proposed(recipe), *_undecided(recipe), *_beyond(recipe), *check_transfer(recipe))
    problems = dict.fromkeys(found)
    if problems:
        raise Refused(*problems)


def _too_many(recipe: Recipe) -> Iterator[Problem]:
    """Yield that the recipe's own candidates, their values multiplied, are more than a run can hold."""
    students = max(recipe.search.keep, 1)
    counts = {
        name: lanes_of(template) * (students if template.student == "searched" else 1)
        for name, template in recipe.candidates.templates.items()
    }
    if sum(counts.values()) > MOST_LANES:
        largest = max(counts, key=lambda name: counts[name])
        yield Problem(
            f"recipe {recipe.name} has too many candidates",
            f"at most {MOST_LANES} lanes, each combination of {{search: [...]}} and of kept architectures one",
            f"{sum(counts.values()):,}, of them {counts[largest]:,} of {largest}",
            f"give candidates.{largest} fewer values, or split the recipe",
        )


def _undecided(recipe: Recipe) -> Iterator[Problem]:
    """Yield that neither the recipe nor a person would say what is good enough."""
    if recipe.gate.min_quality is None and recipe.release.approve == "never":
        yield Problem(
            f"recipe {recipe.name} would promote a model that nobody judged",
            "the worst quality of a champion (gate.min_quality), or a person who is asked (release.approve)",
            "no gate.min_quality, and release.approve: never",
            "set gate.min_quality to what the model is needed for, or release.approve to borderline or always",
        )


def _beyond(recipe: Recipe) -> Iterator[Problem]:
    """Yield the bounds on quality that no value, or no difference of values, can come to."""
    metric = problem_judged_by(recipe.data.problem, recipe.data.quality).quality
    if metric.least is None or metric.most is None:
        return
    checks, gate, reach = recipe.train.checks, recipe.gate, metric.most - metric.least
    asked: tuple[tuple[str, float | None, float, float], ...] = (
        ("gate.min_quality", gate.min_quality, metric.least, metric.most),
        ("gate.max_drop", gate.max_drop, 0, reach),
        ("gate.max_champion_drop", gate.max_champion_drop, 0, reach),
        ("gate.max_slice_drop", gate.max_slice_drop, 0, reach),
        ("gate.borderline", gate.borderline, 0, reach),
        ("train.checks.min_quality", checks.min_quality, metric.least, metric.most),
        ("train.checks.min_slice_quality", checks.min_slice_quality, metric.least, metric.most),
        ("train.checks.max_drop", checks.max_drop, 0, reach),
    )
    for key, value, least, most in asked:
        if value is not None and not least <= value <= most:
            yield Problem(
                f"recipe {recipe.name} cannot take {key}",
                f"{least:g} to {most:g}, as {metric.name} is from {metric.least:g} to {metric.most:g}",
                f"{value:g}",
                f"correct {key}",
            )


def _named(recipe: Recipe) -> Iterator[Problem]:
    seen: set[str] = set()
    for name, template in recipe.candidates.templates.items():
        who, searched = f"candidate {name}", template.student == "searched"
        lanes = list(expand(name, template))
        if not lanes:
            yield Problem(f"{who} is no lane", "a value in each {search: [...]}", "an empty list", "add a value to it")
        for expanded, sections in lanes:
            if expanded in seen or expanded == "baseline":
                yield Problem(
                    f"{who} has a name that is taken",
                    "a name of its own for each lane, and baseline for the float baseline",
                    expanded,
                    f"rename candidates.{name}",
                )
            seen.add(expanded)
            try:
                strictly(Candidate, {"name": expanded, **sections})
            except ValidationError as error:
                given = {"name": expanded, **sections}
                yield from from_validation(who, error, keys_of(Candidate), written_in=WRITTEN_IN, given=given).problems
                continue
            if searched:
                yield from _in_vain(who, sections)
        if searched:
            yield from _without_student(who, recipe, "set student: baseline")


def _proposed(recipe: Recipe) -> Iterator[Problem]:
    auto = recipe.candidates.auto
    if auto is None:
        return
    common = {step: getattr(auto, step) for step in SET_BY_THE_SEARCH}
    try:
        strictly(Candidate, {"name": "auto", **common, "export": {}})
        strictly(ExportParams, auto.export)
    except ValidationError as error:
        keys, given = keys_of(Candidate) | {"": list(ExportParams.model_fields)}, common | auto.export
        yield from from_validation("candidates.auto", error, keys, written_in=WRITTEN_IN, given=given).problems
        return
    every = points(auto, ())
    if len(set(map(name_of, every))) < len(every):
        yield Problem(
            "candidates.auto has values that its names cannot tell apart",
            "values that differ in their first six digits",
            f"keep_macs {list(auto.keep_macs)}",
            "give candidates.auto.keep_macs values that are further apart",
        )
    if auto.export.get("fallback_ladder") is not None and not any(climbs(one.scheme, qat=one.qat) for one in every):
        yield Problem(
            "candidates.auto has a fallback ladder that no lane can use",
            "a lane that is rounded after training: qat false, and a scheme other than float32 and float16",
            f"qat {list(auto.qat)}, schemes {list(auto.schemes)}",
            "add false to candidates.auto.qat or a scheme to schemes, or leave export.fallback_ladder out",
        )
    problems: set[Problem] = set()
    for sections in every:
        if len(problems) >= MOST_PROBLEMS:
            break  # the others repeat them, thousands of times
        try:
            # Pruned after distillation too, a lane has its parameters from the recipe's section `prune`.
            candidate(sections.model_copy(update={"order": "prune_first"}), auto)
        except ValidationError as error:
            problems.update(
                from_validation("candidates.auto", error, keys_of(Candidate), written_in=WRITTEN_IN).problems
            )
    yield from sorted(problems, key=str)
    if "searched" in auto.students:
        yield from _without_student("candidates.auto", recipe, "set candidates.auto.students: [baseline]")


def _without_student(who: str, recipe: Recipe, instead: str) -> Iterator[Problem]:
    """Yield why no searched student will be there."""
    if not (recipe.search.space and recipe.search.trials):
        yield Problem(
            f"{who} has no searched student",
            "a search that finds one: search.space and search.trials",
            "no search",
            f"add a search to the recipe, or {instead}",
        )
    elif recipe.search.keep == 0:
        yield Problem(
            f"{who} has no searched student",
            "a search that keeps one: search.keep of 1 or more",
            "search.keep 0",
            f"raise search.keep, or {instead}",
        )


def _in_vain(who: str, sections: dict[str, dict[str, Any]]) -> Iterator[Problem]:
    """Yield what a lane with a searched student is asked and could not keep."""
    prune, distill = sections["prune"].get("method", "none"), sections["distill"].get("method", "logits")
    if distill != "logits":
        yield Problem(
            f"{who} does not distil its searched student",
            f"distill.method logits, the default, where student is searched: {FRESH}",
            f"distill.method {distill}",
            "set distill.method to logits or leave it out, or set student: baseline",
        )
    if prune != "none":
        yield Problem(
            f"{who} prunes what it does not use",
            "no prune.method where student is searched: its architecture takes the place of the pruned model",
            f"prune.method {prune}",
            "put it into trim, after distillation, or set student: baseline",
        )
    if sections["distill"].get("architecture") is not None:
        yield Problem(
            f"{who} has two architectures",
            "no distill.architecture where student is searched: the search finds it",
            "both",
            "leave distill.architecture out, or set student: baseline",
        )
