"""How the examples of an input are stored, as arrays or encoded: as it was asked, or by what a sample of them takes.

    some examples, spread over the source ──► decoded, and packed ──► bytes of each way ──► the smaller by far

Small examples stay arrays: to open a file of them costs more than to read them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.dataset import Storage
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.data.sources.source import Decoding, Packing

SAMPLE = 32
"""Examples that are looked at."""
AMONG = 2048
"""The first of the source, over which those are spread: a table need not be read to its end."""
LEAST_BYTES = 16 * 1024
"""Of an example as an array: smaller ones are never encoded unless it is asked for."""
MOST_OF_ARRAY = 0.5
"""Of an array's bytes, for which encoded examples are decoded each time they are read."""


@dataclass(frozen=True)
class Stored:
    """How an input is stored.

    Attributes:
        storage: Which way.
        example_bytes: What an encoded example of the sample takes, on average; None of arrays.
        words: Why, for people; empty where it was asked for.
    """

    storage: Storage
    example_bytes: float | None = None
    words: str = ""


ARRAYS = Stored("array")


def spread(wanted_mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return where the sample lies, of the rows that are wanted."""
    rows = np.flatnonzero(wanted_mask)[:AMONG]
    chosen = np.zeros_like(wanted_mask)
    chosen[rows[np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).astype(np.intp)]] = True
    return chosen


def choose(
    name: str,
    asked: Literal["auto", "array", "encoded"],
    sample: Iterable[Mapping[str, Any]],
    decoding: Decoding,
    packing: Packing | None,
) -> Stored:
    """Return how an input is stored.

    Args:
        name: Of the input.
        asked: By the recipe.
        sample: Raw examples, all inputs of each.
        decoding: Of the input.
        packing: Makes encoded ones; None where its modality has none.

    Raises:
        Refused: Encoded storage is asked for, and there is none.
        Undecided: An example cannot be decoded yet.
    """
    if asked == "array" or (packing is None and asked == "auto"):
        return ARRAYS
    if packing is None:
        raise refuse(
            f"preprocess cannot store {name} encoded",
            expected="a modality that encodes examples",
            got="data.storage: encoded",
            fix="leave data.storage at auto, or set it to array",
        )
    as_arrays = encoded = count = 0
    for raw in sample:
        values = decoding(raw[name]).values
        if values is None:
            continue
        if asked == "auto" and values.nbytes < LEAST_BYTES:
            return ARRAYS
        as_arrays, encoded, count = as_arrays + values.nbytes, encoded + len(packing(raw[name], values)), count + 1
    if not count:
        return ARRAYS
    each = encoded / count
    words = f"{each / 1e3:,.1f} kB an example encoded, {as_arrays / count / 1e3:,.1f} kB as an array, of {count}"
    if asked == "auto" and encoded > MOST_OF_ARRAY * as_arrays:
        return Stored("array", words=words)
    return Stored("encoded", each, words)
