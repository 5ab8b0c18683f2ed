"""The names of what an answer may be, where a source brings them in a file of their own."""

from __future__ import annotations

from featherline.tasks.contracts.problems.parameters import VOCABULARY_FILE, VOCABULARY_KEY
from featherline.tasks.contracts.refusal import examples, refuse
from featherline.tasks.data.sources.place import Place

LARGEST_BYTES = 2**20
BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def read_vocabulary(place: Place, names: list[str]) -> tuple[str, ...] | None:
    """Return the names in that file, None where there is no such file.

    UTF-8, with or without a byte order mark, or UTF-16 with one; any line ends; empty lines are left out.

    Raises:
        Refused: It is too large, in another encoding, or has no name or one twice.
    """
    if VOCABULARY_FILE not in names:
        return None
    try:
        data = place.read(VOCABULARY_FILE)
        if len(data) > LARGEST_BYTES:
            raise _refusal(place, f"{len(data):,} bytes")
        text = data.decode(BYTE_ORDER_MARKS.get(data[:2], "utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _refusal(
            place, f"bytes that are no UTF-8, in line {data[: error.start].count(bytes([10])) + 1}"
        ) from None
    except OSError as error:
        raise _refusal(place, error.strerror or str(error)) from error
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    found = tuple(line.strip() for line in lines if line.strip())
    twice = dict.fromkeys(name for name in found if found.count(name) > 1) if len(found) < 10**4 else {}
    if len(set(found)) != len(found) or not found:
        raise _refusal(place, examples(twice) or "no names")
    return found


def _refusal(place: Place, got: str) -> Exception:
    return refuse(
        f"preprocess cannot use {VOCABULARY_FILE} of {place.uri}",
        expected=f"a name a line, each once, in UTF-8, at most {LARGEST_BYTES // 2**20} MiB",
        got=got,
        fix=f"correct {VOCABULARY_FILE}, or remove it and give {VOCABULARY_KEY}",
    )
