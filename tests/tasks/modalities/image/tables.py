"""Tables as text, written beside images, and what is said of a bad one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.refusal import Refused

Fill = Callable[..., Path]


Read = Callable[..., Dataset]


def table(head: list[str] | None, rows: list[list[object]], *, between: str = ",") -> str:
    """Return a CSV."""
    lines = [between.join(str(cell) for cell in row) for row in rows]
    return "\n".join([*([between.join(head)] if head else []), *lines]) + "\n"


def write(folder: Path, **files: str) -> Path:
    """Write files whose names are given with __ for dots and ___ for slashes."""
    for name, text in files.items():
        path = folder / name.replace("___", "/").replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def refused(read: Read, source: Path, **given: object) -> tuple[str, str, str]:
    """Return what, got and fix of the first problem."""
    with pytest.raises(Refused) as refusal:
        read(source, **given)
    problem = refusal.value.problems[0]
    return problem.what, problem.got, problem.fix
