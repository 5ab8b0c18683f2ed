"""From an encoded image to pixels of one shape, remembering what could not be read and what had another shape."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from tasks.contracts.dataset import CorruptImages, ImageShape
from tasks.contracts.refusal import MOST_EXAMPLES, Problem
from tasks.sources.source import Image as SourceImage

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""What is decoded; formats that Pillow hands to other programs are not among them."""

GREY_MODES = {"1", "L", "LA", "I", "I;16", "I;16B", "F"}
GREY, COLOUR = 1, 3


class Corrupt(Exception):  # noqa: N818 - what the image is
    """An image that cannot be decoded."""


@dataclass
class Tally:
    """Images counted, the first few kept as examples.

    Attributes:
        count: All of them.
        examples: Where the first few lie, and what is wrong.
    """

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, example: str) -> None:
        """Count one more."""
        self.count += 1
        if len(self.examples) < MOST_EXAMPLES:
            self.examples.append(example)

    def __str__(self) -> str:
        more = self.count - len(self.examples)
        return f"{self.count}: {', '.join(self.examples)}" + (f" and {more} more" if more else "")


@dataclass
class Decoder:
    """Decodes images to one shape, that of the first where neither size nor channels are given.

    Attributes:
        size: (height, width) to resize to.
        channels: 1 or 3.
        shape: (height, width, channels) of every image; None until the first.
        seen: Images met, whatever became of them.
        corrupt: Those that could not be decoded.
        misfits: Those of another shape.
    """

    size: tuple[int, int] | None
    channels: int | None
    shape: ImageShape | None = None
    seen: int = 0
    corrupt: Tally = field(default_factory=Tally)
    misfits: Tally = field(default_factory=Tally)

    def decode(self, image: SourceImage, where: str) -> NDArray[np.uint8] | None:
        """Return the pixels (height, width, channels), or None where it is corrupt or of another shape."""
        self.seen += 1
        try:
            decode = fit if isinstance(image, np.ndarray) else decode_bytes
            pixels: NDArray[np.uint8] = decode(image, self.channels, self.size)  # type: ignore[arg-type] # by its type
        except Corrupt as error:
            self.corrupt.add(f"{where} ({error})")
            return None
        if self.shape is None:
            self.shape = (pixels.shape[0], pixels.shape[1], pixels.shape[2])
        if pixels.shape != self.shape:
            self.misfits.add(f"{where} ({_drawn(pixels.shape)})")
            return None
        return pixels

    @property
    def sound(self) -> bool:
        """Return whether every image so far fits the others."""
        return self.misfits.count == 0

    def report(self) -> CorruptImages:
        """Return the corrupt images, counted and with examples."""
        return CorruptImages(count=self.corrupt.count, examples=tuple(self.corrupt.examples))

    def problems(self, max_corrupt_fraction: float) -> list[Problem]:
        """Return what refuses these images, if anything."""
        found = []
        if self.corrupt.count > max_corrupt_fraction * self.seen or self.corrupt.count == self.seen:
            found.append(
                Problem(
                    "preprocess meets corrupt images",
                    f"at most {max_corrupt_fraction:g} of the images (data.max_corrupt_fraction)",
                    f"of {self.seen} images {self.corrupt}",
                    "replace or remove them, or raise data.max_corrupt_fraction",
                )
            )
        if not self.sound:
            found.append(
                Problem(
                    "preprocess meets images of several shapes",
                    f"{_drawn(self.shape or ())} as the first one",
                    f"of {self.seen} images {self.misfits}",
                    "give data.image_size, such as [32, 32], and data.channels, 1 or 3",
                )
            )
        return found


def decode_bytes(data: bytes, channels: int | None, size: tuple[int, int] | None) -> NDArray[np.uint8]:
    """Decode an image file, turned upright as its EXIF data says; 16-bit greys keep their upper 8 bits.

    Args:
        data: The file.
        channels: 1 or 3; grey stays grey and everything else becomes RGB where it is None.
        size: (height, width) to resize to, bilinear with antialiasing.

    Raises:
        Corrupt: It is empty, truncated, of an unknown format or far too large (a decompression bomb).
    """
    if not data:
        raise Corrupt("no bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                image.load()
                upright = ImageOps.exif_transpose(image)
    except UnidentifiedImageError:
        raise Corrupt(f"{len(data)} bytes that are no image") from None
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise Corrupt(str(error) or type(error).__name__) from None
    except Image.DecompressionBombWarning as error:
        raise Corrupt(str(error)) from None
    return _pixels(upright, channels, size)


def fit(pixels: NDArray[np.uint8], channels: int | None, size: tuple[int, int] | None) -> NDArray[np.uint8]:
    """Give pixels (height, width, channels) that size and number of channels, unchanged where they have both."""
    same_channels = channels is None or pixels.shape[2] == channels
    if same_channels and (size is None or pixels.shape[:2] == size):
        return pixels
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == GREY else pixels)
    return _pixels(image, channels, size)


def _pixels(image: Image.Image, channels: int | None, size: tuple[int, int] | None) -> NDArray[np.uint8]:
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image).clip(0, 65535) // 256).astype(np.uint8))
    target = channels or (GREY if image.mode in GREY_MODES else COLOUR)
    mode = "L" if target == GREY else "RGB"
    converted = image if image.mode == mode else image.convert(mode)
    if size is not None and (converted.height, converted.width) != size:
        converted = converted.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    pixels = np.asarray(converted, np.uint8)
    return pixels[..., np.newaxis] if target == GREY else pixels


def _drawn(shape: tuple[int, ...]) -> str:
    return "x".join(str(side) for side in shape)
