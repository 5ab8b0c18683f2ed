"""A database of MLflow that was never finished is made anew; one that holds somebody's work never goes."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from featherline.stack.half_made import mark_made, remove_half_made


def database(folder: Path, *, rows: int = 0) -> Path:
    """Make a database with an empty table of runs, and so many registered models."""
    path = folder / "mlflow.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE runs (name TEXT)")
        connection.execute("CREATE TABLE registered_models (name TEXT)")
        connection.executemany("INSERT INTO registered_models VALUES (?)", [("digits",)] * rows)
    return path


def test_what_was_never_whole_and_is_empty_goes(tmp_path: Path):
    """MLflow would never start from it again. So does the one of its users, which is made beside it."""
    path = database(tmp_path)
    (tmp_path / "users.db").touch()

    assert remove_half_made(tmp_path)
    assert not path.exists()
    assert not (tmp_path / "users.db").exists()
    assert not remove_half_made(tmp_path)


def test_what_answered_once_stays(tmp_path: Path):
    """However empty it is."""
    path = database(tmp_path)
    mark_made(tmp_path)

    assert not remove_half_made(tmp_path)
    assert path.exists()


def test_what_holds_a_model_stays(tmp_path: Path):
    """Also without the mark, as a stack of an earlier version left it."""
    path = database(tmp_path, rows=1)

    assert not remove_half_made(tmp_path)
    assert path.exists()


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\x00 cut off"])
def test_what_cannot_be_read_stays(tmp_path: Path, content: bytes):
    """It may hold something."""
    (tmp_path / "mlflow.db").write_bytes(content)

    assert not remove_half_made(tmp_path)
    assert (tmp_path / "mlflow.db").exists()
