"""Images as files in a shard: whichever file it is, the pixels are those that were decoded."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from featherline.tasks.contracts.dataset import InputSpec, Statistics
from featherline.tasks.contracts.preprocessing import Resize
from featherline.tasks.modalities.image.decode import ORIENTATION
from featherline.tasks.modalities.image.pixels import Pixels
from featherline.tasks.modalities.image.resizing import STRETCH
from featherline.tasks.modalities.image.stored import MOST_OF_SOURCE, Packing, decoded

WHITE = (255, 255, 255)
CROP = Resize(mode="crop", resampling="bicubic", background=None)


def photo(height: int, width: int, seed: int = 0) -> Image.Image:
    """Return smooth colours with some noise, as of a photo."""
    generator = np.random.default_rng(seed)
    small = Image.fromarray(generator.integers(0, 256, (6, 6, 3)).astype(np.uint8))
    pixels = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC)).astype(np.int64)
    return Image.fromarray(np.clip(pixels + generator.normal(0, 6, pixels.shape), 0, 255).astype(np.uint8))


def file(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return an image file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def turned() -> bytes:
    """Return a JPEG whose EXIF data turn it."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    return file(photo(40, 30), "JPEG", quality=90, exif=exif)


SOURCES = {
    "a JPEG": (file(photo(40, 30), "JPEG", quality=90), None, None, STRETCH, True),
    "a turned JPEG": (turned(), None, None, STRETCH, True),
    "a grey JPEG": (file(photo(40, 30).convert("L"), "JPEG"), None, None, STRETCH, True),
    "a JPEG of four inks": (file(photo(40, 30).convert("CMYK"), "JPEG"), None, None, STRETCH, True),
    "a JPEG taken as grey": (file(photo(40, 30), "JPEG"), None, 1, STRETCH, True),
    "a PNG": (file(photo(40, 30), "PNG"), None, None, STRETCH, True),
    "a transparent PNG": (file(Image.new("RGBA", (9, 9), (1, 2, 3, 99)), "PNG"), None, None, STRETCH, False),
    "a GIF": (file(photo(9, 9).quantize(8), "GIF"), None, None, STRETCH, False),
    "a much larger JPEG": (file(photo(600, 400), "JPEG", quality=95), (40, 30), None, STRETCH, False),
    "a slightly larger JPEG": (file(photo(44, 33), "JPEG", quality=50), (40, 30), None, STRETCH, True),
    "a slightly larger JPEG, cropped": (file(photo(44, 60), "JPEG", quality=50), (40, 30), None, CROP, True),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_a_stored_file_has_the_decoded_pixels(
    source: tuple[bytes, tuple[int, int] | None, int | None, Resize, bool],
):
    """The source's own where it gives them, and resizing it again would not cost much; else one without loss."""
    data, size, channels, resize, kept = source
    values = Pixels(size, channels, WHITE, resize=resize)(data).values
    assert values is not None

    stored = Packing(resize)(data, values)

    assert (stored == data) is kept
    np.testing.assert_array_equal(decoded([stored, stored], spec_of(values, resize)), [values, values])
    if not kept and size is not None:
        assert len(stored) <= MOST_OF_SOURCE * len(data)


def spec_of(values: NDArray[np.uint8], resize: Resize) -> InputSpec:
    """Return the input that images like these are."""
    statistics = Statistics(scale=255.0, mean=(0.5,), std=(0.2,))
    return InputSpec(
        modality="image", shape=values.shape, dtype="uint8", statistics=statistics, resize=resize, storage="encoded"
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_of_a_table_come_back_as_they_are(channels: int):
    """There is no file of the source: noise, too, loses nothing."""
    values = np.random.default_rng(0).integers(0, 256, (13, 17, channels)).astype(np.uint8)

    stored = Packing(STRETCH)(values, values)

    np.testing.assert_array_equal(decoded([stored], spec_of(values, STRETCH))[0], values)
