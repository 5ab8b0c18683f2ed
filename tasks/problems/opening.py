"""Problems by name: the NumPy side for those who judge, the TensorFlow side for those who train."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from featherline.tasks.contracts.refusal import examples, refuse
from featherline.tasks.problems.classification.problem import Classification
from featherline.tasks.problems.protocol import Learning, Problem

PROBLEMS: dict[str, Callable[[], Problem]] = {"classification": Classification}
LEARNING: dict[str, str] = {"classification": "featherline.tasks.problems.classification.learning:learning"}
"""Modules that import TensorFlow, imported where somebody trains."""


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


def open_learning(name: str) -> Learning:
    """Return how the problem of this name is learnt. Imports TensorFlow.

    Raises:
        Refused: There is no such problem.
    """
    open_problem(name)
    module, _, attribute = LEARNING[name].partition(":")
    found: Learning = getattr(import_module(module), attribute)()
    return found
