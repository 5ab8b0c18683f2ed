"""Where the stack listens stays what it was, as long as nobody else takes it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from featherline.places import Places
from featherline.stack.kept_ports import Kept, choose_ports, kept_ports


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """Give a folder in which no stack was started yet."""
    return Places(var=tmp_path / "var")


def test_ports_are_kept_from_one_start_to_the_next(places: Places):
    """Those of PostgreSQL and Redis too, also over a start without workers."""
    first = choose_ports(places, print, with_workers=True)
    without = choose_ports(places, print, with_workers=False)
    again = choose_ports(places, print, with_workers=True)

    assert first == without == again == kept_ports(places)


@pytest.mark.parametrize(("name", "twin"), [("mlflow", 0), ("airflow", 0), ("s3", 0), ("s3", 3), ("s3", 10001)])
def test_a_port_that_somebody_else_took_is_replaced_and_said(places: Places, name: str, twin: int):
    """The others stay; of S3's row, one that is taken moves all."""
    before = choose_ports(places, print, with_workers=False)
    told: list[str] = []

    with socket.create_server(("127.0.0.1", getattr(before, name) + twin)):
        after = choose_ports(places, told.append, with_workers=False)

    changed = {key for key, port in before.model_dump().items() if getattr(after, key) != port}
    assert changed == {name}
    old, new = getattr(before, name), getattr(after, name)
    assert told == [f"stack: port {old} of {name} is somebody else's now: it is {new} from here on"]
    assert choose_ports(places, told.append, with_workers=False) == after


@pytest.mark.parametrize("damaged", [b"", b"{", b'{"s3": "x"}', b"\xff"])
def test_a_damaged_file_is_made_anew(places: Places, damaged: bytes):
    """It holds nothing that cannot be chosen again."""
    places.var.mkdir()
    places.ports.write_bytes(damaged)

    kept = choose_ports(places, print, with_workers=False)

    assert isinstance(kept_ports(places), Kept)
    assert kept_ports(places) == kept
