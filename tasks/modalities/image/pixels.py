"""One image of a source, decoded by itself: nothing is remembered, so that several processes decode at once."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from featherline.tasks.contracts.base import LARGEST_SIDE
from featherline.tasks.contracts.preprocessing import Resize
from featherline.tasks.data.sources.source import Decoded, RawExample, Undecided, Unread
from featherline.tasks.modalities.image.decode import (
    COLOUR,
    ORIENTATION,
    Colour,
    deep_pixels,
    fit,
    fit_pixels,
    flattened,
    is_transparent,
    open_image,
    turn_upright,
)
from featherline.tasks.modalities.image.deep_pixels import Corrupt, Deep, Ranges
from featherline.tasks.modalities.image.resizing import STRETCH


@dataclass(frozen=True)
class Pixels:
    """Decodes images to pixels (height, width, channels).

    Attributes:
        size: (height, width) to resize to.
        channels: 1 or 3.
        background: Colour that is seen through transparent pixels.
        ranges: Of deep pixels.
        resize: How an image of another size becomes one of `size`.
    """

    size: tuple[int, int] | None
    channels: int | None
    background: Colour
    ranges: Ranges = field(default_factory=Ranges)
    resize: Resize = STRETCH

    def __call__(self, image: RawExample, /) -> Decoded:
        """Decode one.

        Raises:
            Undecided: The image has deep pixels of a kind whose range is not known yet.
        """
        changes: list[str] = []
        try:
            pixels = self._pixels(image, changes)
        except Corrupt as error:
            return Decoded(None, corrupt=str(error), changes=tuple(changes))
        if isinstance(pixels, tuple):
            return Decoded(None, pixels, changes=tuple(changes))
        if not pixels.size:
            return Decoded(None, corrupt="no pixels", changes=tuple(changes))
        too_large = pixels.shape[0] * pixels.shape[1] > LARGEST_SIDE**2
        return Decoded(None if too_large else pixels, pixels.shape, changes=tuple(changes))

    def _pixels(self, image: RawExample, changes: list[str]) -> NDArray[np.uint8] | tuple[int, int, int]:
        """Return the pixels, or the shape alone of an image that is too large for any shard."""
        if isinstance(image, Unread):
            raise Corrupt(image.reason)
        if isinstance(image, np.ndarray):
            if image.dtype == np.uint8:
                return fit_pixels(image, self.channels, self.size, self.resize)  # type: ignore[arg-type] # by its type
            deep_image = Deep("numbers of a CSV", image)  # type: ignore[arg-type] # by its type
            return fit_pixels(self._scaled(deep_image, changes), self.channels, self.size, self.resize)
        with open_image(image) as opened:
            if getattr(opened, "is_animated", False) and opened.format != "MPO":
                changes.append("of several frames, the first one taken")
            deep = deep_pixels(opened, image)
            bytes_each = opened if deep is None else self._eight_bits(opened, deep, changes)
            turn_upright(bytes_each)
            if self.size is None and bytes_each.width * bytes_each.height > LARGEST_SIDE**2:
                return bytes_each.height, bytes_each.width, COLOUR
            return fit(self._opaque(bytes_each, changes), self.channels, self.size, self.resize)

    def _eight_bits(self, opened: Image.Image, deep: Deep, changes: list[str]) -> Image.Image:
        pixels = self._scaled(deep, changes)
        if deep.kind == "16-bit colours":
            return opened  # Pillow has taken the upper 8 bits of each channel
        grey = Image.fromarray(pixels)
        turned = opened.getexif().get(ORIENTATION)
        if turned is not None:
            grey.getexif()[ORIENTATION] = turned
        return grey

    def _scaled(self, deep: Deep, changes: list[str]) -> NDArray[np.uint8]:
        if not self.ranges.knows(deep):
            raise Undecided
        pixels, words = self.ranges.scale(deep)
        changes.append(words)
        return pixels

    def _opaque(self, image: Image.Image, changes: list[str]) -> Image.Image:
        if not is_transparent(image):
            return image
        colour = ", ".join(str(value) for value in self.background)
        changes.append(f"transparent, laid on the colour ({colour}) (data.background)")
        return flattened(image, self.background)
