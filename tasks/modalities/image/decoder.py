"""What is to be remembered of the decoded images of a source: what could not be read, what had another shape."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from featherline.tasks.contracts.base import LARGEST_SIDE
from featherline.tasks.contracts.dataset import Shape, Unreadable
from featherline.tasks.contracts.preprocessing import Resize
from featherline.tasks.contracts.refusal import Problem, refuse
from featherline.tasks.data.sources.intake import IntakeLog, Tally
from featherline.tasks.data.sources.source import Decoded, RawExample, Unread
from featherline.tasks.modalities.image.decode import Colour, deep_pixels, open_image
from featherline.tasks.modalities.image.deep_pixels import Corrupt, Deep, Ranges
from featherline.tasks.modalities.image.pixels import Pixels
from featherline.tasks.modalities.image.resizing import STRETCH
from featherline.tasks.modalities.image.stored import Packing

WHITE: Colour = (255, 255, 255)


@dataclass
class Decoder:
    """Knows the images of a source, all of one shape: that of the first where neither size nor channels are given.

    Attributes:
        size: (height, width) to resize to.
        channels: 1 or 3.
        background: Colour that is seen through transparent pixels.
        resize: How an image of another size becomes one of `size`.
        log: Is told what was done to images.
        ranges: Of deep pixels.
        shape: (height, width, channels) of every image; None until the first.
        seen: Images met, whatever became of them.
        corrupt: Those that could not be decoded.
        misfits: Those of another shape.
    """

    size: tuple[int, int] | None
    channels: int | None
    background: Colour = WHITE
    log: IntakeLog = field(default_factory=IntakeLog)
    ranges: Ranges = field(default_factory=Ranges)
    resize: Resize = STRETCH
    dtype: str = "uint8"
    shape: Shape | None = None
    seen: int = 0
    corrupt: Tally = field(default_factory=Tally)
    misfits: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        """Remember what was told before the first image, of the labels."""
        self._told_before = dict(self.log.changed)

    def anew(self) -> Decoder:
        """Return a decoder that begins again with the ranges that this one came to know."""
        self.log.changed = dict(self._told_before)
        return Decoder(self.size, self.channels, self.background, self.log, self.ranges, self.resize)

    def decoding(self) -> Pixels:
        """Return what decodes one image by itself, by the ranges that are known now."""
        return Pixels(self.size, self.channels, self.background, self.ranges, self.resize)

    def packing(self) -> Packing:
        """Return what keeps the files of the source, or makes lossless ones."""
        return Packing(self.resize)

    def accept(self, decoded: Decoded, where: str) -> bool:
        """Take note of what came of an image. Returns whether it is whole and of the shape of the others."""
        self.seen += 1
        for words in decoded.changes:
            self.log.change(words, where)
        if decoded.corrupt:
            self.corrupt.add(f"{where} ({decoded.corrupt})")
            return False
        height, width, channels = decoded.shape
        if self.shape is None:
            self.shape = (height, width, channels)
        if decoded.shape != self.shape or height * width > LARGEST_SIDE**2:
            self.misfits.add(f"{where} ({_drawn(decoded.shape)})")
            return False
        return True

    def settle(self) -> list[Problem]:
        """Decide the range of deep pixels by what was looked at; return why that cannot be."""
        return self.ranges.settle()

    def check_content(self, std: tuple[float, ...], count: int) -> None:
        """Refuse a range of pixels that makes one value of all of them, as one of 32 bits does of bytes."""
        if self.ranges.given is not None and max(std) == 0:
            raise refuse(
                "preprocess meets images in which nothing is to be seen",
                expected="pixels of at least two values",
                got=f"one value alone in all {count:,} images of train",
                fix=f"correct data.pixel_range, which is {list(self.ranges.given)}",
            )

    def look(self, image: RawExample, where: str) -> None:
        """Take note of the range of an image's pixels, where they are deep; corrupt ones are counted when decoded."""
        try:
            deep = self._deep_of(image)
            if deep is not None:
                self.ranges.look(deep, where)
        except Corrupt:
            return

    @property
    def sound(self) -> bool:
        """Return whether every image so far fits the others."""
        return self.misfits.count == 0

    def report(self) -> Unreadable:
        """Return the corrupt images, counted and with examples."""
        return Unreadable(count=self.corrupt.count, examples=tuple(self.corrupt.examples))

    def problems(self, max_corrupt_fraction: float) -> list[Problem]:
        """Return what refuses these images, if anything. What should have been an image counts as a corrupt one."""
        found = []
        unread = self.log.unread_count
        lost, met = self.corrupt.count + unread, self.seen + unread
        if lost > max_corrupt_fraction * met or self.corrupt.count == self.seen:
            said = [str(self.corrupt)] if self.corrupt.count or not unread else []
            said += [f"{reason} {tally}" for reason, tally in self.log.unread.items()]
            found.append(
                Problem(
                    "preprocess meets corrupt images"
                    if self.corrupt.count
                    else "preprocess meets files it cannot read",
                    f"at most {max_corrupt_fraction:g} of the images (data.max_corrupt_fraction)",
                    f"of {met} images {'; '.join(said)}",
                    "replace or remove them, or raise data.max_corrupt_fraction",
                )
            )
        if not self.sound:
            found.append(
                Problem(
                    "preprocess meets images of several shapes",
                    f"{_drawn(self.shape or ())} as the first one, and at most {LARGEST_SIDE}x{LARGEST_SIDE}",
                    f"of {self.seen} images {self.misfits}",
                    "give data.image_size, such as [32, 32], and data.channels, 1 or 3",
                )
            )
        return found

    def _deep_of(self, image: RawExample) -> Deep | None:
        if isinstance(image, Unread):
            return None
        if isinstance(image, np.ndarray):
            return None if image.dtype == np.uint8 else Deep("numbers of a CSV", image)  # type: ignore[arg-type] # by its type
        with open_image(image) as opened:
            return deep_pixels(opened, image)


def _drawn(shape: tuple[int, ...]) -> str:
    return "x".join(str(side) for side in shape)
