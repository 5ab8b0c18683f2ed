"""Images as files in a shard: the source's own bytes where they give the same pixels, else a lossless file of them.

    file of the source ──► decodes to the stored pixels, and is no more than they take? ──► kept as it came
    pixels             ──► WebP without loss (PNG of grey ones)

Both give the pixels that an array would hold, so that nothing that is counted, trained or judged depends on the
storage. A file that is kept although it is of another size is resized whenever it is decoded, by the data set's rule.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from featherline.tasks.contracts.dataset import InputSpec, Shape
from featherline.tasks.contracts.preprocessing import Resize
from featherline.tasks.modalities.image.decode import GREY, fit, turn_upright
from featherline.tasks.modalities.image.resizing import STRETCH

KEPT = ("JPEG", "PNG", "WEBP")
"""Formats of the source that are kept; MPO is a JPEG."""
FORMATS = (*KEPT, "MPO")
MOST_OF_SOURCE = 1.2
"""What a lossless file of resized pixels may take of the source's bytes; beyond that the source's file is kept."""


@dataclass(frozen=True)
class Packing:
    """Makes files of images. A value: other processes get it.

    Attributes:
        resize: The rule of the data set.
    """

    resize: Resize

    def __call__(self, raw: Any, values: NDArray[np.uint8], /) -> bytes:  # noqa: ANN401 - what the source gives
        """Return the file of an image of the source, of which these are the pixels, (height, width, channels)."""
        if not isinstance(raw, bytes) or not _gives(raw, values, self.resize):
            return lossless(values)
        if _size(raw) == values.shape[:2]:
            return raw
        made = lossless(values)
        return raw if len(made) > MOST_OF_SOURCE * len(raw) else made


def decoded(files: Sequence[bytes], spec: InputSpec) -> NDArray[np.uint8]:
    """Return the pixels of stored files, (k, height, width, channels)."""
    pixels = np.empty((len(files), *spec.shape), np.uint8)
    for place, data in enumerate(files):
        pixels[place] = _pixels(data, spec.shape, spec.resize or STRETCH)
    return pixels


def lossless(values: NDArray[np.uint8]) -> bytes:
    """Return a file of pixels (height, width, channels), from which they come back as they are."""
    buffer = io.BytesIO()
    if values.shape[-1] == GREY or not features.check("webp"):
        Image.fromarray(values[..., 0] if values.shape[-1] == GREY else values).save(buffer, "PNG")
    else:
        Image.fromarray(values).save(buffer, "WEBP", lossless=True, method=0)
    return buffer.getvalue()


def _gives(data: bytes, values: NDArray[np.uint8], resize: Resize) -> bool:
    """Return whether a file of the source, decoded as a stored one, has exactly these pixels."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.format not in FORMATS:
                return False
        return bool(np.array_equal(_pixels(data, values.shape, resize), values))
    except Exception:  # noqa: BLE001 - Pillow's readers raise whatever a file leads them to
        return False


def _size(data: bytes) -> tuple[int, int]:
    """Return (height, width) of a file, upright."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        turn_upright(image)
        return image.height, image.width


def _pixels(data: bytes, shape: Shape, resize: Resize) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        image.load()
        turn_upright(image)
        return fit(image, shape[-1], (shape[0], shape[1]), resize)
