"""Fixtures that several rooms share."""

from tests.tasks.exported import exported, small_model
from tests.tasks.measured import baseline, champion, lane, told
from tests.tasks.released import keys, mlflow, winner

__all__ = ["baseline", "champion", "exported", "keys", "lane", "mlflow", "small_model", "told", "winner"]
