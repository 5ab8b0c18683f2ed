"""Workers of a search over a cheap objective."""

from __future__ import annotations

import pytest

from featherline.tasks.compression.search import worker as module


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for work, and beat, more often than a search does."""
    monkeypatch.setattr(module, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.05)
