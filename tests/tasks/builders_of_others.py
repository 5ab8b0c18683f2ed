"""Network builders as people write them: a module beside the test data, for an older name of the framework's module."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest


def put_on_path(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let `builders` of `folder` be imported, whose first line is `from tasks.framework import keras, tf`."""
    framework = importlib.import_module("featherline.tasks.networks.framework")
    monkeypatch.setitem(sys.modules, "tasks", ModuleType("tasks"))
    monkeypatch.setitem(sys.modules, "tasks.framework", framework)
    monkeypatch.syspath_prepend(folder)
