"""From a recipe's candidate templates to lanes: `{search: [...]}` expanded, and what cannot fit the device found.

Bytes are estimated as those of the weights, of 4, 2, 1 or half a byte each. Batch normalisation counts among them and
is folded away in the file; the file's graph and scales do not count.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from featherline.tasks.contracts.candidate import WRITTEN, Candidate, CandidateTemplate
from featherline.tasks.contracts.device import Budget, beyond
from featherline.tasks.contracts.schemes import SCHEMES
from featherline.tasks.contracts.steps.choose import ChosenArchitecture
from featherline.tasks.contracts.steps.evaluate import EvaluateParams
from featherline.tasks.contracts.steps.export import ExportParams

SLACK = 0.5
"""A pruned candidate is refused untrained only where this part of its estimate is too much, of two cuts this part of
this part: pruning to a fraction of the MACs removes weights unevenly, so the true size may be well below the estimate,
and even below this part of it."""

LONGEST_WORD = 20
"""Of a searched value in a candidate's name, in characters."""


@dataclass(frozen=True)
class Lane:
    """A candidate, and where it comes from.

    Attributes:
        candidate: With all its parameters.
        expanded: Its name but for the number of its student: what candidates that differ in that alone share.
        student: The architecture that it builds anew, where it does.
    """

    candidate: Candidate
    expanded: str
    student: ChosenArchitecture | None


def lanes(
    templates: Mapping[str, CandidateTemplate],
    architectures: Sequence[ChosenArchitecture],
    *,
    export: ExportParams,
    evaluate: EvaluateParams | None = None,
) -> Iterator[Lane]:
    """Yield every candidate of a recipe, in its order.

    Args:
        templates: As the recipe writes them.
        architectures: That searched students are built from.
        export: What all have in common.
        evaluate: The same.
    """
    for template_name, template in templates.items():
        students = architectures if template.student == "searched" else (None,)
        for number, student in enumerate(students):
            for expanded, sections in expand(template_name, template):
                name = f"{expanded}-{number}" if len(students) > 1 else expanded
                if student is not None:
                    sections["distill"] = {"method": "logits", **sections["distill"]}
                    sections["distill"]["architecture"] = student.architecture.model_dump()
                whole = {
                    "name": name,
                    "searched": student.name if student else None,
                    "evaluate": (evaluate or EvaluateParams()).model_copy(update={"candidate": name}),
                    **sections,
                    "export": export.model_dump() | sections["export"],
                }
                yield Lane(Candidate.model_validate(whole), expanded, student)


def expand(name: str, template: CandidateTemplate) -> Iterator[tuple[str, dict[str, dict[str, Any]]]]:
    """Yield every candidate of a template: its name and the parameters of its steps.

    A value `{search: [a, b]}` gives one candidate for a and one for b; several give every combination. The values are
    appended to the name: `pruned-macs0.5`; where one of them is long (a path, a section) their places in the list are:
    `distilled-teacher2`.
    """
    sections = _sections(template)
    places = list(_searches(sections, ()))
    for values in itertools.product(*(zip(options, _words(options), strict=True) for _, options in places)):
        chosen = _copy(sections)
        suffix = ""
        for (path, _), (value, words) in zip(places, values, strict=True):
            place: Any = chosen
            for part in path[:-1]:
                place = place[part]
            place[path[-1]] = value
            suffix += "-" + _plain(path[-1]) + words
        yield f"{name}{suffix}", chosen


def lanes_of(template: CandidateTemplate) -> int:
    """Return how many candidates `expand` would yield, without making them."""
    return math.prod(len(options) for _, options in _searches(_sections(template), ()))


def infeasible(candidate: Candidate, parameters: int, macs: int, budget: Budget) -> str | None:
    """Return why a candidate is not expected to fit the budget, or None where it may.

    Args:
        candidate: With all its parameters.
        parameters: Of the student before it is pruned.
        macs: Of the same.
        budget: Of the device.
    """
    kept_macs, kept_weights = _kept(candidate)
    estimated_macs = macs * kept_macs
    estimated_bytes = parameters * kept_weights * SCHEMES[candidate.quantize.scheme].weight_bytes
    slack = SLACK ** sum(cut.method == "channel" for cut in (candidate.prune, candidate.trim))
    too_much = beyond(budget.excess({"macs": estimated_macs * slack, "size_bytes": estimated_bytes * slack}))
    if "macs" in too_much:
        return f"about {estimated_macs:,.0f} MACs, the device allows {budget.macs:,}"
    if "size_bytes" in too_much:
        return f"its weights take about {estimated_bytes:,.0f} bytes, the device allows {budget.size_bytes:,}"
    return None


def _kept(candidate: Candidate) -> tuple[float, float]:
    """Return the fractions of the MACs and of the weights that pruning is expected to leave; 0 is unknown."""
    kept_macs = kept_weights = 1.0
    for cut in (candidate.prune, candidate.trim):
        if cut.method == "channel":
            macs = cut.targets.get("macs", 0.0)
            counted = [cut.targets[measure] for measure in ("parameters", "size") if measure in cut.targets]
            kept_macs, kept_weights = kept_macs * macs, kept_weights * min(counted, default=macs)
    return kept_macs, kept_weights


def _sections(template: CandidateTemplate) -> dict[str, dict[str, Any]]:
    return {step: getattr(template, step) for step in WRITTEN}


def _words(options: list[Any]) -> list[str]:
    """Return what tells the values of a search apart in a name."""
    words = [_plain(str(option)) for option in options]
    if max(map(len, words), default=0) > LONGEST_WORD or len(set(words)) < len(words):
        return [str(position) for position in range(1, len(options) + 1)]
    return words


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9.]", "", text.lower())


def _searches(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[Any]]]:  # noqa: ANN401 - YAML
    if not isinstance(value, dict):
        return
    if set(value) == {"search"} and isinstance(value["search"], list):
        yield path, value["search"]
        return
    for name, item in value.items():
        yield from _searches(item, (*path, name))


def _copy(value: Any) -> Any:  # noqa: ANN401 - YAML
    return {name: _copy(item) for name, item in value.items()} if isinstance(value, dict) else value
