"""Fixtures that several rooms share."""

from tests.tasks.images import fill, picture
from tests.tasks.released import keys, mlflow, winner

__all__ = ["fill", "keys", "mlflow", "picture", "winner"]
