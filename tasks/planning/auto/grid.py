"""The grid of what a lane may do: from the space of a recipe to points, and from a point to a candidate.

    Auto ──► every combination ──► canonical PipelinePoint, each lane once ──► Candidate, named by its parameters

Two lanes that prune alike have equal parameters of `prune`, so that the second one finds the first one's result.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from featherline.tasks.contracts.auto import PREFIX, Auto, PipelinePoint
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
    """Return the values of each parameter, in order where they have one."""
    searched = [one.name for one in architectures] if "searched" in auto.students else []
    return {
        "student": (["baseline"] if "baseline" in auto.students or not searched else []) + searched,
        "keep_macs": sorted(set(auto.keep_macs)),
        "prune_epochs": sorted(set(auto.prune_epochs)),
        "teacher": sorted(set(auto.teacher)),
        "distill_epochs": sorted(set(auto.distill_epochs)),
        "scheme": sorted(set(auto.schemes)),
        "qat": sorted(set(auto.qat)),
        "clusters": sorted(set(auto.clusters), key=lambda count: count or 0),
        "tune_epochs": sorted(set(auto.tune_epochs)),
        "order": sorted(set(auto.orders), reverse=True),
    }


def canonical(point: PipelinePoint, auto: Auto) -> PipelinePoint:
    """Return the point with every parameter without effect in it at its default, so that equal lanes are equal points.

    A searched student is distilled, and is not pruned before (its architecture replaces the pruned model).
    """
    changed: dict[str, Any] = {}
    if point.student != "baseline":
        changed = {"distill_epochs": point.distill_epochs or max(auto.distill_epochs)}
        if point.order == "prune_first":
            changed["keep_macs"] = 1.0
    whole = changed.get("keep_macs", point.keep_macs) == 1
    if whole:
        changed["prune_epochs"] = 0
    if whole or not changed.get("distill_epochs", point.distill_epochs):
        changed["order"] = "prune_first"
    if point.scheme != "int8":
        changed["qat"] = False
    tuned = changed.get("qat", point.qat) or point.clusters is not None
    if not tuned:
        changed["tune_epochs"] = 0
    if not tuned and not changed.get("prune_epochs", point.prune_epochs):
        changed["teacher"] = False
    return point.model_copy(update=changed)


def points(auto: Auto, architectures: Sequence[ChosenArchitecture]) -> list[PipelinePoint]:
    """Return every lane of the space once, in a fixed order."""
    values = choices(auto, architectures)
    every = (PipelinePoint(**dict(zip(values, point, strict=True))) for point in itertools.product(*values.values()))
    return list(dict.fromkeys(canonical(point, auto) for point in every))


def shared_work(point: PipelinePoint) -> Iterator[Work]:
    """Yield the trainings that another lane may have in common with this one, as what tells them apart."""
    pruning = ("prune", point.keep_macs, point.prune_epochs, point.teacher) if point.keep_macs < 1 else None
    distilling = ("distill", point.student, point.distill_epochs) if point.distill_epochs else None
    before: Work = ()
    for work in (distilling, pruning) if point.order == "distill_first" else (pruning, distilling):
        if work is not None:
            before = (*before, work)
            yield before


def name_of(point: PipelinePoint) -> str:
    """Return the name of a proposed candidate: all that tells it from the others."""
    words = [] if point.student == "baseline" else [point.student]
    cut = [f"macs{point.keep_macs:g}-e{point.prune_epochs}"] if point.keep_macs < 1 else []
    cut += ["kd"] if point.teacher else []
    distilling = [f"distill{point.distill_epochs}"] if point.distill_epochs else []
    words += [*distilling, *cut] if point.order == "distill_first" else [*cut, *distilling]
    words.append(point.scheme.removesuffix("_afp32").removesuffix("_ai8"))
    words += ["qat"] if point.qat else []
    words += [f"c{point.clusters}"] if point.clusters else []
    words += [f"t{point.tune_epochs}"] if point.tune_epochs else []
    name = PREFIX + "-".join(words)
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 9]}-{digest(name.encode())[:8]}"


def candidate(
    point: PipelinePoint,
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
    student = next((one for one in architectures if one.name == point.student), None)
    name = name_of(point)
    return Candidate.model_validate(
        {
            "name": name,
            "searched": student.name if student else None,
            "auto": point,
            "trim" if point.order == "distill_first" else "prune": _prune(point, auto),
            "distill": _distill(point, auto, student),
            "quantize": _quantize(point, auto),
            "export": (export or ExportParams()).model_dump() | _export(point, auto),
            "evaluate": (evaluate or EvaluateParams()).model_copy(update={"candidate": name}),
        }
    )


def fits_device(
    auto: Auto, model: Model, architectures: Sequence[ChosenArchitecture], budget: Budget
) -> Callable[[PipelinePoint], bool]:
    """Return the question whether a point can fit the device, by the same bounds as the recipe's own candidates."""
    sizes = {one.name: (one.parameters, one.macs) for one in architectures}

    def fits(point: PipelinePoint) -> bool:
        parameters, macs = sizes.get(point.student, (model.parameters, model.macs))
        return infeasible(candidate(point, auto, architectures), parameters, macs, budget) is None

    return fits


def _prune(point: PipelinePoint, auto: Auto) -> dict[str, Any]:
    if point.keep_macs == 1:
        return {}
    fit = {**auto.prune.get("fit", {}), "epochs": point.prune_epochs}
    return {
        **auto.prune,
        "method": "channel",
        "keep_macs": point.keep_macs,
        "fit": fit,
        **_distillation(point, auto.prune),
    }


def _distill(point: PipelinePoint, auto: Auto, student: ChosenArchitecture | None) -> dict[str, Any]:
    if not point.distill_epochs:
        return {}
    fit = {**auto.distill.get("fit", {}), "epochs": point.distill_epochs}
    architecture = {"architecture": student.architecture.model_dump()} if student else {}
    return {**auto.distill, "method": "logits", "fit": fit, **architecture}


def _quantize(point: PipelinePoint, auto: Auto) -> dict[str, Any]:
    if not point.tune_epochs:
        return {"scheme": point.scheme}
    fit = {**auto.quantize.get("fit", {}), "epochs": point.tune_epochs}
    work = {"scheme": point.scheme, "qat": point.qat, "clusters": point.clusters, "fit": fit}
    return {**auto.quantize, **work, **_distillation(point, auto.quantize)}


def _export(point: PipelinePoint, auto: Auto) -> dict[str, Any]:
    """Return the common section, without its fallback ladder in a lane that has nothing to climb from or for."""
    return {
        name: value
        for name, value in auto.export.items()
        if name != "fallback_ladder" or climbs(point.scheme, qat=point.qat)
    }


def _distillation(point: PipelinePoint, common: dict[str, Any]) -> dict[str, Any]:
    return {"distillation": common.get("distillation") or {} if point.teacher else None}
