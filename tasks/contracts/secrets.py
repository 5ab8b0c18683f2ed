"""The kinds of secrets that a step may need."""

from __future__ import annotations

from enum import StrEnum


class Secret(StrEnum):
    """A kind of secret: what one of them opens."""

    STORE = "store"
    REGISTRY = "registry"
    STUDIES = "studies"
    SIGNING_KEY = "signing key"
    RECIPES = "recipes"
    """Whatever else looks like a secret: a recipe may name it as `${NAME}`."""
