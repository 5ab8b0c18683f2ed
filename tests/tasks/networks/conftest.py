"""Fixtures that several rooms share."""

from tests.tasks.small_networks import residual

__all__ = ["residual"]
