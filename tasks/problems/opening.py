"""Problems by name: the NumPy side, for all; `opening_learning` has the TensorFlow side of those who train."""

from __future__ import annotations

from collections.abc import Callable

from featherline.tasks.contracts.problems.classification import QualityName
from featherline.tasks.contracts.refusal import examples, refuse
from featherline.tasks.problems.classification.macro_f1 import MacroF1
from featherline.tasks.problems.classification.problem import Classification
from featherline.tasks.problems.protocol import Problem

PROBLEMS: dict[str, Callable[[], Problem]] = {
    "classification": Classification,
    "classification-macro-f1": MacroF1,
}
JUDGED_BY: dict[tuple[str, QualityName], str] = {
    ("classification", "accuracy"): "classification",
    ("classification", "macro_f1"): "classification-macro-f1",
}
"""What a recipe calls a problem and its quality: the problem that differs in it alone."""


def problem_judged_by(name: str, quality: QualityName | None) -> Problem:
    """Return the problem of a recipe; with its usual quality where none is named.

    Raises:
        Refused: There is no such problem, or it has no such quality.
    """
    if quality is None:
        return open_problem(name)
    if (name, quality) not in JUDGED_BY:
        own = open_problem(name).quality.name
        raise refuse(
            f"the problem {name} has no quality {quality}",
            expected=f"no data.quality beside data.problem: {name}, whose quality is its {own}",
            got=quality,
            fix="leave data.quality out",
        )
    return open_problem(JUDGED_BY[name, quality])


def open_problem(name: str) -> Problem:
    """Return the problem of this name.

    Raises:
        Refused: There is none.
    """
    if name not in PROBLEMS:
        raise refuse(
            "the data set is of an unknown problem",
            expected=f"one of {examples(sorted(PROBLEMS))}",
            got=name,
            fix="run preprocess with this version of Featherline",
        )
    return PROBLEMS[name]()
