"""How problems are learnt, by name: apart from the problems, so that the key of who only judges holds no TensorFlow."""

from __future__ import annotations

from importlib import import_module

from featherline.tasks.problems.opening import open_problem
from featherline.tasks.problems.protocol import Learning

LEARNING: dict[str, str] = {
    "classification": "featherline.tasks.problems.classification.learning:learning",
    "classification-macro-f1": "featherline.tasks.problems.classification.learning:learning_macro_f1",
}
"""Modules that import TensorFlow, imported where somebody trains."""


def open_learning(name: str) -> Learning:
    """Return how the problem of this name is learnt. Imports TensorFlow.

    Raises:
        Refused: There is no such problem.
    """
    open_problem(name)
    module, _, attribute = LEARNING[name].partition(":")
    found: Learning = getattr(import_module(module), attribute)()
    return found
