"""A database that MLflow had not finished making when it was killed: it never starts again from such a one.

no mark "made", nothing registered and no run in it ──► removed, so that the next start makes it anew
answered once ──► mark "made" ──► never touched again
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

MADE = "made"
RECORDS = ("registered_models", "runs")
"""Tables whose rows are somebody's work."""


def remove_half_made(folder: Path) -> bool:
    """Remove MLflow's databases where they were never whole and hold nothing. Returns whether any was removed."""
    database = folder / "mlflow.db"
    if (folder / MADE).exists() or not database.exists() or holds_records(database):
        return False
    for path in (*folder.glob("mlflow.db*"), *folder.glob("users.db*")):
        path.unlink()
    return True


def mark_made(folder: Path) -> None:
    """Say that the databases of a folder are whole."""
    (folder / MADE).touch()


def holds_records(database: Path) -> bool:
    """Return whether a database of MLflow has a row that is somebody's work; where it cannot be read, it may have."""
    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            queries = [f"SELECT 1 FROM {name} LIMIT 1" for name in RECORDS if name in tables]  # noqa: S608 - our words
            return any(connection.execute(query).fetchone() for query in queries)
    except sqlite3.Error:
        return True
