"""The parameters of all kinds of problem, put together: what other contracts take up without naming any of them."""

from __future__ import annotations

from featherline.tasks.contracts.problems import classification


class Answers(classification.ClassificationIntake):
    """What a recipe says of the answers in a source."""


class Balance(classification.ClassificationBalance):
    """What makes up for answers that are rare, in every training."""


VOCABULARY_FILE = classification.CLASSES_FILE
"""In a source: the names of what an answer may be, a line each, in label order."""
VOCABULARY_KEY = f"data.{classification.CLASSES_KEY}"
"""Of a recipe, that gives the same."""
