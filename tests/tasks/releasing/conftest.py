"""Fixtures that several rooms share."""

from tests.tasks.released import keys, mlflow, winner

__all__ = ["keys", "mlflow", "winner"]
