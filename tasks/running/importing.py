"""Imports that do not look for garbage, of which they make none.

    `python -m featherline.tasks` turns the collector off ──► the step's module is imported ──► it is turned on again

What is imported stays for as long as the process: it is put where the collector does not look again. A quarter of the
processor's time that TensorFlow's import takes, and a fifth of a hit's, went into looking.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def end_of_imports() -> None:
    """Turn the collector on where it was turned off for the imports of this process; else it stays as it is."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


@contextmanager
def without_collections() -> Iterator[None]:
    """Import in the block without looking for garbage."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            end_of_imports()


@contextmanager
def without(*libraries: str) -> Iterator[None]:
    """Let the imports in the block find none of these libraries, unless they are imported already.

    For what another library looks for to serve those who have it, and does without elsewhere.
    """
    hidden = [name for name in libraries if name not in sys.modules]
    modules: dict[str, Any] = sys.modules  # where None says that there is none
    modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            if modules.get(name) is None:
                modules.pop(name, None)
