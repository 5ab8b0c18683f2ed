"""From an image file to pixels: 8 bits, upright, first frame, transparency flattened, one shape.

file ──► [open_image] ──► Pillow's image ──► bytes as they are, or deep pixels (`deep_pixels`)
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError, features

from featherline.tasks.contracts.preprocessing import Resize
from featherline.tasks.data.sources.source import Undecided
from featherline.tasks.modalities.image.deep_pixels import Corrupt, Deep, Range
from featherline.tasks.modalities.image.resizing import STRETCH, resized

FORMATS = tuple(
    name
    for name, feature in {
        "PNG": "pil",
        "JPEG": "jpg",
        "JPEG2000": "jpg_2000",
        "GIF": "pil",
        "WEBP": "webp",
        "AVIF": "avif",
        "TIFF": "pil",
        "BMP": "pil",
        "DIB": "pil",
        "PPM": "pil",
        "ICO": "pil",
        "PCX": "pil",
        "QOI": "pil",
        "SGI": "pil",
        "SUN": "pil",
        "TGA": "pil",
    }.items()
    if features.check(feature)
)
"""What is decoded. Formats that Pillow hands to other programs are not among them, nor those that hold no pixels."""

Image.init()
SUFFIXES = frozenset(ending for ending, name in Image.registered_extensions().items() if name in {*FORMATS, "MPO"})
"""Endings of these formats; an MPO is a JPEG of several frames."""

GREY_MODES = {"1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "F"}
GREY, COLOUR = 1, 3
DEEP_BITS = 16
OPAQUE = 255
STRIP_PIXELS = 2**20
"""Flattened at a time: a large photo is in memory twice, and not five times."""
ORIENTATION = 0x0112
JPEG_START = b"\xff\xd8\xff"
PLAIN_BYTES = 16 * 1024
SAYS_UPRIGHT = ("exif", "xmp")
"""What a JPEG has that is turned."""
PNG_START = b"\x89PNG\r\n\x1a\n"

TIFF_BITS, TIFF_SAMPLE_FORMAT = 258, 339
TIFF_LOWEST, TIFF_HIGHEST = (340, 280), (341, 281)
"""SMinSampleValue and MinSampleValue, SMaxSampleValue and MaxSampleValue."""
UNSIGNED = 1
TIFF_PHOTOMETRIC, WHITE_IS_LOW = 262, 0

Colour = tuple[int, int, int]


@contextmanager
def open_image(data: bytes) -> Iterator[Image.Image]:
    """Open and load an image file; everything that Pillow says against it is a `Corrupt`.

    Raises:
        Corrupt: It is empty, truncated, of an unknown format or far too large (a decompression bomb).
    """
    if not data:
        raise Corrupt("no bytes")
    try:
        with nullcontext() if _is_plain(data) else _quiet(), Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > (Image.MAX_IMAGE_PIXELS or 0):
                raise Corrupt(f"{image.width}x{image.height}, a decompression bomb")  # noqa: TRY301 - as Pillow's own
            image.load()
            yield image
    except (Corrupt, Undecided, MemoryError):
        raise
    except UnidentifiedImageError:
        raise Corrupt(f"{len(data)} bytes that are no image") from None
    except Exception as error:  # noqa: BLE001 - Pillow's readers raise whatever a broken file leads them to
        raise Corrupt(str(error) or type(error).__name__) from None


def _is_plain(data: bytes) -> bool:
    """Return whether a file is a small JPEG of which Pillow has nothing to say: `_quiet` takes a tenth of its time."""
    return data.startswith(JPEG_START) and len(data) < PLAIN_BYTES and b"Exif" not in data and b"MPF" not in data


@contextmanager
def _quiet() -> Iterator[None]:
    """Let Pillow's warnings be none, but for that of a decompression bomb, which is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def deep_pixels(image: Image.Image, data: bytes) -> Deep | None:
    """Return the pixels of an image that has more than 8 bits a channel, None of one that has not.

    Args:
        image: Loaded.
        data: Its file: of 16-bit colours Pillow keeps the upper 8 bits, and only the file says so.
    """
    tags = getattr(image, "tag_v2", {}) if image.format == "TIFF" else {}
    if image.mode in {"F", "I"} or image.mode.startswith("I;16"):
        values = np.asarray(image)
        declared = _declared(tags)
        white_is_low = tags.get(TIFF_PHOTOMETRIC) == WHITE_IS_LOW
        if image.mode == "F":
            return Deep("floats", values, declared, white_is_low)
        if image.mode == "I" and image.format == "TIFF":
            if UNSIGNED in _numbers(tags.get(TIFF_SAMPLE_FORMAT, UNSIGNED)):
                values = values.view(np.uint32)
            return Deep("whole numbers", values, declared, white_is_low)
        return Deep("16-bit greys", values, declared, white_is_low)
    if _has_deep_colours(image, data, tags):
        converted = np.asarray(image.convert("RGB")).astype(np.uint16)
        return Deep("16-bit colours", converted * 256 + 255)
    return None


def turn_upright(image: Image.Image) -> None:
    """Turn the image as its EXIF data say, in place; ones that cannot be read say nothing."""
    if image.format == "JPEG" and not any(name in image.info for name in SAYS_UPRIGHT):
        return
    with contextlib.suppress(Exception):  # broken EXIF data, of an image that is whole
        ImageOps.exif_transpose(image, in_place=True)


def is_transparent(image: Image.Image) -> bool:
    """Return whether something of what lies behind the image would be seen."""
    alpha = next((band for band in image.getbands() if band in {"A", "a"}), None)
    if alpha is None and (image.mode not in {"P", "RGB", "L", "1"} or "transparency" not in image.info):
        return False
    channel = image.getchannel(alpha) if alpha else image.convert("RGBA").getchannel("A")
    lowest, _ = channel.getextrema()
    return bool(lowest < OPAQUE)  # type: ignore[operator] # of one channel


def flattened(image: Image.Image, background: Colour) -> Image.Image:
    """Lay a transparent image on a colour, some rows at a time. A grey image stays grey on a grey background."""
    mode = "L" if image.mode in GREY_MODES and len(set(background)) == 1 else "RGB"
    whole = Image.new(mode, image.size)
    rows = max(1, STRIP_PIXELS // max(1, image.width))
    for top in range(0, image.height, rows):
        strip = image.crop((0, top, image.width, min(image.height, top + rows))).convert("RGBA")
        behind = Image.new("RGBA", strip.size, (*background, OPAQUE))
        behind.alpha_composite(strip)
        whole.paste(behind.convert(mode), (0, top))
    return whole


def fit(
    image: Image.Image, channels: int | None, size: tuple[int, int] | None, how: Resize = STRETCH
) -> NDArray[np.uint8]:
    """Return pixels (height, width, channels) of an image of 8 bits, grey as it is where `channels` does not say."""
    target = channels or (GREY if image.mode in GREY_MODES else COLOUR)
    mode = "L" if target == GREY else "RGB"
    if image.mode == "LAB":
        image = _from_lab(image)
    converted = image if image.mode == mode else image.convert(mode)
    if size is not None and (converted.height, converted.width) != size:
        converted = resized(converted, size, how)
    pixels = np.asarray(converted, np.uint8)
    return pixels[..., np.newaxis] if target == GREY else pixels


def fit_pixels(
    pixels: NDArray[np.uint8], channels: int | None, size: tuple[int, int] | None, how: Resize = STRETCH
) -> NDArray[np.uint8]:
    """Give pixels (height, width, channels) that size and number of channels, unchanged where they have both."""
    same_channels = channels is None or pixels.shape[2] == channels
    if same_channels and (size is None or pixels.shape[:2] == size):
        return pixels
    return fit(Image.fromarray(pixels[..., 0] if pixels.shape[2] == GREY else pixels), channels, size, how)


def _from_lab(image: Image.Image) -> Image.Image:
    """Return an image of L*a*b* colours in sRGB; Pillow converts them by profiles alone."""
    converted = ImageCms.profileToProfile(
        image, ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert converted is not None  # noqa: S101 - it was not asked to work in place
    return converted


def _has_deep_colours(image: Image.Image, data: bytes, tags: object) -> bool:
    """Return whether the file has 16 bits for each of several channels."""
    if image.mode not in {"RGB", "RGBA", "LA", "CMYK"}:
        return False
    if data.startswith(PNG_START):
        return len(data) > 24 and data[24] == DEEP_BITS  # noqa: PLR2004 - the bit depth, in the header's ninth byte
    bits = tags.get(TIFF_BITS, ()) if hasattr(tags, "get") else ()
    return DEEP_BITS in _numbers(bits)


def _declared(tags: object) -> Range | None:
    """Return the range that a TIFF names, by its lowest and highest sample or by bits that its storage exceeds."""
    if not hasattr(tags, "get"):
        return None
    low, high = (_first(tags.get(name) for name in names) for names in (TIFF_LOWEST, TIFF_HIGHEST))
    if high is not None and (low or 0.0) < high:
        return (low or 0.0, high)
    bits = _numbers(tags.get(TIFF_BITS, ()))
    return (0.0, 2.0 ** bits[0] - 1) if bits and 8 < bits[0] < DEEP_BITS else None  # noqa: PLR2004 - 10, 12, 14


def _numbers(value: object) -> tuple[float, ...]:
    values = value if isinstance(value, tuple | list) else (value,)
    return tuple(float(item) for item in values if isinstance(item, int | float))


def _first(values: Iterator[object]) -> float | None:
    found = next((numbers for value in values if (numbers := _numbers(value))), ())
    return found[0] if found and np.isfinite(found[0]) else None
