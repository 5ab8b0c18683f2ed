"""Fixtures that several rooms share."""

from tests.tasks.small_networks import everything, residual

__all__ = ["everything", "residual"]
