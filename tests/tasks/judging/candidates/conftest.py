"""Fixtures that several rooms share."""

from tests.tasks.measured import baseline, champion, lane, told

__all__ = ["baseline", "champion", "lane", "told"]
