"""A shard of encoded examples, whole and broken."""

from __future__ import annotations

import itertools

import pytest

from featherline.tasks.data.encoded_shard import ENDS_AT, bounds, head_bytes, join

EXAMPLES = [b"first", b"", b"the third"]


def test_each_example_lies_between_its_bounds():
    """Also an empty one."""
    file = join(EXAMPLES)

    found = bounds(file[: head_bytes(3)], 3, len(file))

    assert [file[start:stop] for start, stop in itertools.pairwise(found)] == EXAMPLES


WHOLE = join(EXAMPLES)
BROKEN = {
    "nothing": b"",
    "no magic": b"?" + WHOLE[1:],
    "an end that is cut": WHOLE[:-1],
    "more than its ends say": WHOLE + b"!",
    "another count": join(EXAMPLES[:2]),
    "ends that fall": WHOLE[:ENDS_AT] + (9).to_bytes(8, "little") + WHOLE[ENDS_AT + 8 :],
    "an end beyond all bytes": WHOLE[: ENDS_AT + 16] + b"\xff" * 8 + WHOLE[ENDS_AT + 24 :],
}


@pytest.mark.parametrize("file", BROKEN.values(), ids=BROKEN)
def test_what_is_no_such_shard_is_not_read(file: bytes):
    """Whatever it says of itself."""
    with pytest.raises(ValueError, match=r"shard|ends"):
        bounds(file, 3, len(file))
