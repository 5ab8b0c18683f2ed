"""The grid of what a lane may do: from the space of a recipe to points, and from a point to a candidate.

    Auto ──► every combination ──► canonical Knobs, each lane once ──► Candidate, named by its knobs

Two lanes that prune alike have equal knobs of `prune`, so that the second one finds the first one's result.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from featherline.tasks.contracts.auto import PREFIX, Auto, Knobs
from featherline.tasks.contracts.base import LONGEST_NAME, digest
from featherline.tasks.contracts.candidate import Candidate, climbs
from featherline.tasks.contracts.device import Budget
from featherline.tasks.contracts.model import Model
from featherline.tasks.contracts.steps.choose import ChosenArchitecture
from featherline.tasks.contracts.steps.evaluate import EvaluateParams
from featherline.tasks.contracts.steps.export import ExportParams
from featherline.tasks.planning.expand import infeasible

Work = tuple[Any, ...]
"""A training that several lanes may have in common."""


def choices(auto: Auto, architectures: Sequence[ChosenArchitecture]) -> dict[str, list[Any]]:
    """Return the values of each knob, in order where they have one."""
    searched = [one.name for one in architectures] if "searched" in auto.students else []
    return {
        "student": (["baseline"] if "baseline" in auto.students or not searched else []) + searched,
        "macs": sorted(set(auto.macs)),
        "prune_epochs": sorted(set(auto.prune_epochs)),
        "teacher": sorted(set(auto.teacher)),
        "distill_epochs": sorted(set(auto.distill_epochs)),
        "scheme": sorted(set(auto.schemes)),
        "aware": sorted(set(auto.aware)),
        "clusters": sorted(set(auto.clusters), key=lambda count: count or 0),
        "tune_epochs": sorted(set(auto.tune_epochs)),
        "order": sorted(set(auto.orders), reverse=True),
    }


def canonical(knobs: Knobs, auto: Auto) -> Knobs:
    """Return the point with every knob that has no effect in it at its default, so that equal lanes are equal points.

    A searched student has to be taught, and is not pruned before (its architecture replaces the pruned model).
    """
    changed: dict[str, Any] = {}
    if knobs.student != "baseline":
        changed = {"distill_epochs": knobs.distill_epochs or max(auto.distill_epochs)}
        if knobs.order == "prune_first":
            changed["macs"] = 1.0
    whole = changed.get("macs", knobs.macs) == 1
    if whole:
        changed["prune_epochs"] = 0
    if whole or not changed.get("distill_epochs", knobs.distill_epochs):
        changed["order"] = "prune_first"
    if knobs.scheme != "int8":
        changed["aware"] = False
    tuned = changed.get("aware", knobs.aware) or knobs.clusters is not None
    if not tuned:
        changed["tune_epochs"] = 0
    if not tuned and not changed.get("prune_epochs", knobs.prune_epochs):
        changed["teacher"] = False
    return knobs.model_copy(update=changed)


def points(auto: Auto, architectures: Sequence[ChosenArchitecture]) -> list[Knobs]:
    """Return every lane of the space once, in a fixed order."""
    values = choices(auto, architectures)
    every = (Knobs(**dict(zip(values, point, strict=True))) for point in itertools.product(*values.values()))
    return list(dict.fromkeys(canonical(knobs, auto) for knobs in every))


def shared_work(knobs: Knobs) -> Iterator[Work]:
    """Yield the trainings that another lane may have in common with this one, as what tells them apart."""
    pruning = ("prune", knobs.macs, knobs.prune_epochs, knobs.teacher) if knobs.macs < 1 else None
    lessons = ("distill", knobs.student, knobs.distill_epochs) if knobs.distill_epochs else None
    before: Work = ()
    for work in (lessons, pruning) if knobs.order == "distill_first" else (pruning, lessons):
        if work is not None:
            before = (*before, work)
            yield before


def name_of(knobs: Knobs) -> str:
    """Return the name of a proposed candidate: all that tells it from the others."""
    words = [] if knobs.student == "baseline" else [knobs.student]
    cut = [f"macs{knobs.macs:g}-e{knobs.prune_epochs}"] if knobs.macs < 1 else []
    cut += ["kd"] if knobs.teacher else []
    lessons = [f"distill{knobs.distill_epochs}"] if knobs.distill_epochs else []
    words += [*lessons, *cut] if knobs.order == "distill_first" else [*cut, *lessons]
    words.append(knobs.scheme)
    words += ["aware"] if knobs.aware else []
    words += [f"c{knobs.clusters}"] if knobs.clusters else []
    words += [f"t{knobs.tune_epochs}"] if knobs.tune_epochs else []
    name = PREFIX + "-".join(words)
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 9]}-{digest(name.encode())[:8]}"


def candidate(
    knobs: Knobs,
    auto: Auto,
    architectures: Sequence[ChosenArchitecture] = (),
    *,
    export: ExportParams | None = None,
    evaluate: EvaluateParams | None = None,
) -> Candidate:
    """Return the lane of a point, with what all lanes have in common.

    Raises:
        ValidationError: The common sections are not what the steps take.
    """
    student = next((one for one in architectures if one.name == knobs.student), None)
    name = name_of(knobs)
    return Candidate.model_validate(
        {
            "name": name,
            "searched": student.name if student else None,
            "auto": knobs,
            "trim" if knobs.order == "distill_first" else "prune": _prune(knobs, auto),
            "distill": _distill(knobs, auto, student),
            "quantize": _quantize(knobs, auto),
            "export": (export or ExportParams()).model_dump() | _export(knobs, auto),
            "evaluate": (evaluate or EvaluateParams()).model_copy(update={"candidate": name}),
        }
    )


def fits_device(
    auto: Auto, model: Model, architectures: Sequence[ChosenArchitecture], budget: Budget
) -> Callable[[Knobs], bool]:
    """Return the question whether a point can fit the device, by the same bounds as the recipe's own candidates."""
    sizes = {one.name: (one.parameters, one.macs) for one in architectures}

    def fits(knobs: Knobs) -> bool:
        parameters, macs = sizes.get(knobs.student, (model.parameters, model.macs))
        return infeasible(candidate(knobs, auto, architectures), parameters, macs, budget) is None

    return fits


def _prune(knobs: Knobs, auto: Auto) -> dict[str, Any]:
    if knobs.macs == 1:
        return {}
    fit = {**auto.prune.get("fit", {}), "epochs": knobs.prune_epochs}
    return {**auto.prune, "method": "channel", "macs": knobs.macs, "fit": fit, **_knowledge(knobs, auto.prune)}


def _distill(knobs: Knobs, auto: Auto, student: ChosenArchitecture | None) -> dict[str, Any]:
    if not knobs.distill_epochs:
        return {}
    fit = {**auto.distill.get("fit", {}), "epochs": knobs.distill_epochs}
    architecture = {"architecture": student.architecture.model_dump()} if student else {}
    return {**auto.distill, "method": "logits", "fit": fit, **architecture}


def _quantize(knobs: Knobs, auto: Auto) -> dict[str, Any]:
    if not knobs.tune_epochs:
        return {"scheme": knobs.scheme}
    fit = {**auto.quantize.get("fit", {}), "epochs": knobs.tune_epochs}
    work = {"scheme": knobs.scheme, "aware": knobs.aware, "clusters": knobs.clusters, "fit": fit}
    return {**auto.quantize, **work, **_knowledge(knobs, auto.quantize)}


def _export(knobs: Knobs, auto: Auto) -> dict[str, Any]:
    """Return the common section, without its ladder in a lane that has nothing to climb from or for."""
    return {
        name: value
        for name, value in auto.export.items()
        if name != "ladder" or climbs(knobs.scheme, aware=knobs.aware)
    }


def _knowledge(knobs: Knobs, common: dict[str, Any]) -> dict[str, Any]:
    return {"knowledge": common.get("knowledge") or {} if knobs.teacher else None}
