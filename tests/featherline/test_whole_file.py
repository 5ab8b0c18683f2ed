"""A file is there whole or not at all, whoever else writes it."""

from __future__ import annotations

import threading
from pathlib import Path

from featherline.whole_file import write_whole


def test_two_that_write_at_once_leave_one_whole_file(tmp_path: Path):
    """A reader meets one of both contents at any moment, and nothing else is left in the folder."""
    path = tmp_path / "file.json"
    contents = [bytes([letter]) * 100_000 for letter in b"ab"]
    write_whole(path, contents[0])
    met: set[bytes] = set()

    def write(content: bytes) -> None:
        for _ in range(50):
            write_whole(path, content)

    writers = [threading.Thread(target=write, args=(content,)) for content in contents * 2]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        met.add(path.read_bytes())
    for writer in writers:
        writer.join()

    assert met <= set(contents)
    assert [one.name for one in tmp_path.iterdir()] == ["file.json"]


def test_the_first_of_several_writers_can_win(tmp_path: Path):
    """For what is drawn at random: who comes second reads what the first has drawn."""
    path = tmp_path / "new" / "password"

    write_whole(path, b"first", once=True)
    write_whole(path, b"second", once=True)

    assert path.read_bytes() == b"first"
    assert [one.name for one in path.parent.iterdir()] == ["password"]


def test_others_can_never_read_it(tmp_path: Path):
    """Not even while it is written."""
    write_whole(tmp_path / "secret", b"word")

    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
