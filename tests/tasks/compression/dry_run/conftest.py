"""Builders of a user, importable by their module's name as in a recipe, here and in child processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_builders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the folder of `own_builders` on the path."""
    folder = str(Path(__file__).parent)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH")))))
