"""Pixels of more than 8 bits and floats: which value is black and which is white.

    a first deep image ──► every deep image of the source is looked at once ──► [settle] ──► one range a kind

One image cannot tell: a dark one of 0 to 255 looks like one of 0 to 1. So the range is found over all of them, told,
and the same for all; or refused, where no range is plausible. `data.pixel_range` settles it by hand.

    16 bits, unsigned       0 to 65,535, and refused where the upper half is never used: 12 bits in 16 look so
    integers of 32 bits,    0 to 255 or 0 to 65,535, whichever they are in
    or 16 signed
    floats, numbers of CSV  0 to 1 or 0 to 255, whichever they are in
    a range that the file   that one, the same in all files
    itself declares (TIFF)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.refusal import Problem
from featherline.tasks.contracts.safe_text import visible
from featherline.tasks.data.sources.source import Undecided

Range = tuple[float, float]

Kind = Literal["16-bit greys", "16-bit colours", "whole numbers", "floats", "numbers of a CSV", "declared"]

BYTE, SHORT = 255.0, 65535.0
BYTE_MAX = np.uint8(255)


class Corrupt(Exception):  # noqa: N818 - what the image is
    """An image that cannot be decoded."""


@dataclass(frozen=True)
class Deep:
    """Pixels that are no bytes yet.

    Attributes:
        kind: How they are stored, which says what ranges are plausible.
        values: (height, width) or (height, width, channels).
        declared: The range that the file itself names.
        white_is_low: Whether the lowest value is white, as of scans.
    """

    kind: Kind
    values: NDArray[np.float32] | NDArray[np.int32] | NDArray[np.uint16]
    declared: Range | None = None
    white_is_low: bool = False


@dataclass
class Seen:
    """The values of one kind over the whole source."""

    low: float = np.inf
    high: float = -np.inf
    whole: bool = True
    example: str = ""


@dataclass
class Ranges:
    """What was seen of each kind, and what each kind's range is.

    Attributes:
        given: `data.pixel_range`.
        seen: By kind.
        declared: The ranges that files declare, with the first file of each.
        settled: By kind, once all were seen.
    """

    given: Range | None = None
    seen: dict[Kind, Seen] = field(default_factory=dict)
    declared: dict[Range, str] = field(default_factory=dict)
    settled: dict[Kind, Range] = field(default_factory=dict)

    def look(self, deep: Deep, where: str) -> None:
        """Take note of an image's values. Raises `Corrupt` where one is not finite."""
        low, high = _bounds(deep.values)
        if deep.declared is not None:
            self.declared.setdefault(deep.declared, where)
        seen = self.seen.setdefault("declared" if deep.declared else deep.kind, Seen(example=visible(where)))
        if high > seen.high:
            seen.high, seen.example = high, visible(where)
        seen.low = min(seen.low, low)
        if seen.whole and deep.values.dtype.kind == "f":
            seen.whole = bool((deep.values == np.rint(deep.values)).all())

    def knows(self, deep: Deep) -> bool:
        """Return whether pixels of this kind can be scaled."""
        return self._range_of(deep) is not None

    def settle(self) -> list[Problem]:
        """Choose a range for each kind that was seen, and return what refuses them."""
        problems: list[Problem] = []
        for kind, seen in self.seen.items():
            if kind == "declared":
                found = next(iter(self.declared)) if len(self.declared) == 1 else None
            else:
                found = _plausible(kind, seen)
            if found is None or not found[0] <= seen.low <= seen.high <= found[1]:
                problems.append(self._problem(kind, seen))
            else:
                self.settled[kind] = found
        return problems

    def scale(self, deep: Deep) -> tuple[NDArray[np.uint8], str]:
        """Return bytes, and in words what was done. Raises `Corrupt` where a value is outside of the range."""
        pixels, words = self._scaled(deep)
        return (BYTE_MAX - pixels, f"{words}, white and black exchanged") if deep.white_is_low else (pixels, words)

    def _scaled(self, deep: Deep) -> tuple[NDArray[np.uint8], str]:
        kind: Kind = "declared" if deep.declared else deep.kind
        found = self._range_of(deep)
        if found is None:
            raise Undecided
        low, high = found
        least, most = _bounds(deep.values)
        if least < low or most > high:
            raise Corrupt(f"values from {least:g} to {most:g}, outside of {low:g} to {high:g} (data.pixel_range)")
        if (low, high) == (0.0, SHORT) and deep.values.dtype.kind in "iu":
            return (deep.values // 256).astype(np.uint8), f"{_words(kind)} scaled from 0 to 65,535 to 0 to 255"
        scaled = (deep.values.astype(np.float64) - low) * (BYTE / (high - low))
        if (low, high) == (0.0, BYTE):
            words = f"{_words(kind)} taken as 0 to 255"
        else:
            words = f"{_words(kind)} scaled from {low:g} to {high:g} to 0 to 255"
        return np.rint(scaled).astype(np.uint8), words

    def _range_of(self, deep: Deep) -> Range | None:
        """Return the range that is given or was settled; of 16-bit colours only 8 bits are left to be scaled."""
        if self.given is not None and deep.kind != "16-bit colours":
            return self.given
        return self.settled.get("declared" if deep.declared else deep.kind)

    def _problem(self, kind: Kind, seen: Seen) -> Problem:
        met = f"values from {seen.low:g} to {seen.high:g}, such as in {seen.example}"
        if kind == "declared":
            some = ", ".join(f"{low:g} to {high:g} ({where})" for (low, high), where in list(self.declared.items())[:3])
            return Problem(
                "preprocess cannot tell the range of the pixels",
                "one range for all files, around all of their values",
                f"declared: {visible(some)}; {met}",
                "set data.pixel_range to the values of black and white",
            )
        expected = {
            "16-bit greys": "16-bit greys that use their range, 0 to 65,535",
            "16-bit colours": "16-bit colours that use their range, 0 to 65,535",
            "whole numbers": "whole numbers from 0 to 255 or from 0 to 65,535",
            "floats": "floats from 0 to 1 or from 0 to 255",
            "numbers of a CSV": "numbers from 0 to 255, or from 0 to 1",
        }[kind]
        fix = f"set data.pixel_range to the values of black and white, such as {list(_guess(seen))}"
        if kind == "16-bit colours":
            fix = "write the images with 8 bits a channel"
        return Problem("preprocess cannot tell the range of the pixels", expected, met, fix)


def _plausible(kind: Kind, seen: Seen) -> Range | None:
    """Return the range of a kind, or None where the values tell none."""
    half = (SHORT + 1) / 2
    if kind in {"16-bit greys", "16-bit colours"}:
        return (0.0, SHORT) if seen.high >= half else None
    if seen.low < 0:
        return None
    if kind == "whole numbers":
        if seen.high <= BYTE:
            return (0.0, BYTE)
        return (0.0, SHORT) if half <= seen.high <= SHORT else None
    if seen.high <= 1 and not (kind == "numbers of a CSV" and seen.whole):
        return (0.0, 1.0)
    return (0.0, BYTE) if seen.high <= BYTE else None


def _guess(seen: Seen) -> tuple[int | float, int | float]:
    """Return a range that is around all values: powers of two less one, where they are not negative."""
    if seen.low >= 0:
        return 0, 2 ** max(1, int(np.ceil(np.log2(max(seen.high, 1) + 1)))) - 1
    most = max(abs(seen.low), abs(seen.high))
    most = 1 if most <= 1 else int(np.ceil(most))
    return -most, most


def _bounds(values: NDArray[np.float32] | NDArray[np.int32] | NDArray[np.uint16]) -> Range:
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        raise Corrupt("pixels that are no numbers")
    return low, high


def _words(kind: Kind) -> str:
    return "pixels of a declared range" if kind == "declared" else kind
