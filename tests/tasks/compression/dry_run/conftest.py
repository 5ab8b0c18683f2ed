"""A user's builders are there in every test."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _theirs(own_builders: None) -> None:
    """Put the folder of `own_builders` on the path."""
