"""Fixtures that several rooms share."""

from tests.tasks.images import fill, picture, read

__all__ = ["fill", "picture", "read"]
