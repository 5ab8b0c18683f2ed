"""Images of every kind become pixels of one shape, and those that cannot are counted."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tasks.sources.decode import Corrupt, Decoder, decode_bytes, fit


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """Return an image file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def grey(height: int = 2, width: int = 3, value: int = 7) -> bytes:
    """Return a grey PNG."""
    return encoded(Image.fromarray(np.full((height, width), value, np.uint8)))


def test_grey_stays_grey():
    """Two rows of three pixels of 7 are (2, 3, 1)."""
    pixels = decode_bytes(grey(), None, None)

    assert pixels.tolist() == [[[7], [7], [7]], [[7], [7], [7]]]


def test_colours_keep_their_order():
    """Red is first."""
    assert decode_bytes(encoded(Image.new("RGB", (1, 1), (1, 2, 3))), None, None).tolist() == [[[1, 2, 3]]]


def test_transparency_and_palettes_become_rgb():
    """Three channels come of four, and of a palette."""
    rgba = encoded(Image.new("RGBA", (1, 1), (1, 2, 3, 255)))
    palette = encoded(Image.new("RGB", (1, 1), (1, 2, 3)).convert("P", palette=Image.Palette.ADAPTIVE), "GIF")

    assert decode_bytes(rgba, None, None).tolist() == [[[1, 2, 3]]]
    assert decode_bytes(palette, None, None).shape == (1, 1, 3)


def test_sixteen_bits_keep_their_upper_eight():
    """0x1234 becomes 0x12; nothing is clipped to white."""
    image = Image.fromarray(np.full((1, 1), 0x1234, np.uint16))

    assert decode_bytes(encoded(image), None, None).tolist() == [[[0x12]]]


def test_a_photo_is_turned_upright():
    """EXIF orientation 6 turns an image 2 wide and 1 high into one 1 wide and 2 high."""
    image = Image.fromarray(np.asarray([[0, 255]], np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6

    assert decode_bytes(encoded(image, "PNG", exif=exif), None, None).shape == (2, 1, 1)


def test_channels_and_size_are_given_where_asked():
    """A grey 2x3 image becomes RGB of 4x5, all of the same value."""
    pixels = decode_bytes(grey(), 3, (4, 5))

    assert pixels.shape == (4, 5, 3)
    assert (pixels == 7).all()


def test_pixels_that_fit_are_not_copied():
    """Pixels of the wanted shape are handed through."""
    pixels = np.zeros((2, 3, 1), np.uint8)

    assert fit(pixels, 1, (2, 3)) is pixels


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no image at all",
        encoded(Image.effect_noise((64, 64), 90))[:800],
        encoded(Image.effect_noise((64, 64), 90), "JPEG")[:800],
    ],
    ids=["no bytes", "text", "a cut PNG", "a cut JPEG"],
)
def test_what_is_no_whole_image_is_corrupt(data: bytes):
    """Nothing is filled up with grey."""
    with pytest.raises(Corrupt):
        decode_bytes(data, None, None)


def test_a_decompression_bomb_is_corrupt():
    """A small file of a hundred million pixels is not unpacked."""
    bomb = encoded(Image.new("1", (10_000, 10_000)))

    with pytest.raises(Corrupt):
        decode_bytes(bomb, None, None)


def test_corrupt_images_are_counted_with_five_examples():
    """Of seven corrupt images all are counted, and the first five named."""
    decoder = Decoder(None, None)

    for row in range(7):
        assert decoder.decode(b"text", f"a:{row}") is None

    report = decoder.report()
    assert report.count == 7
    assert report.examples == tuple(f"a:{row} (4 bytes that are no image)" for row in range(5))


def test_a_corrupt_fraction_at_the_limit_passes():
    """One of two is half: a limit of 0.5 lets it pass, one of 0.49 does not."""
    decoder = Decoder(None, None)
    decoder.decode(grey(), "a:0")
    decoder.decode(b"text", "a:1")

    assert decoder.problems(0.5) == []
    assert [problem.got for problem in decoder.problems(0.49)] == ["of 2 images 1: a:1 (4 bytes that are no image)"]


def test_images_that_are_all_corrupt_never_pass():
    """Even a limit of 1 wants one image."""
    decoder = Decoder(None, None)
    decoder.decode(b"text", "a:0")

    assert len(decoder.problems(1.0)) == 1


def test_the_first_image_sets_the_shape():
    """Another size is a misfit, and the message says which and how to go on."""
    decoder = Decoder(None, None)
    decoder.decode(grey(2, 3), "a:0")

    assert decoder.decode(grey(4, 3), "a:1") is None

    (problem,) = decoder.problems(0.0)
    assert problem.expected == "2x3x1 as the first one"
    assert problem.got == "of 2 images 1: a:1 (4x3x1)"
    assert "data.image_size" in problem.fix


def test_a_size_makes_all_shapes_one():
    """With a size and channels given, mixed images fit."""
    decoder = Decoder((2, 2), 3)

    shapes = [decoder.decode(grey(side, 3), "a") for side in (2, 4)]

    assert [pixels.shape for pixels in shapes if pixels is not None] == [(2, 2, 3), (2, 2, 3)]
    assert decoder.sound
