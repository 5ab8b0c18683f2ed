"""Where a teacher may lie."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

ELSEWHERE = re.compile(r"(?!s3://|models:)(?:[a-z][a-z0-9+.-]*:/|(?:runs|mlflow|registry):)")
"""How an address begins that no step reads."""


def _can_teach(source: str) -> str:
    if ELSEWHERE.match(source) or source.endswith(".tflite"):
        raise ValueError(
            "a .keras or .h5 file or a SavedModel folder, here or at s3://, or the float baseline of a registered"
            " version, models:/NAME@ALIAS or models:/NAME/VERSION"
        )
    return source


Teacher = Annotated[str, AfterValidator(_can_teach)]
"""Where a teacher lies. In a recipe also a registered version, which `resolve` replaces by its float baseline."""
