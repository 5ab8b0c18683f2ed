"""Images of every kind become pixels of one shape, and those that cannot are counted."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin, TiffImagePlugin

from featherline.tasks.data.sources.source import RawExample
from featherline.tasks.modalities.image.decode import fit_pixels
from featherline.tasks.modalities.image.decoder import Decoder
from featherline.tasks.modalities.image.deep_pixels import Deep, Ranges, Undecided


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """Return an image file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def decoded_by(decoder: Decoder, image: RawExample, where: str) -> NDArray[np.uint8] | None:
    """Return the pixels of an image that is whole and fits the others, None of any other; the decoder remembers it."""
    decoded = decoder.decoding()(image)
    return decoded.values if decoder.accept(decoded, where) else None


def decode_bytes(data: bytes, channels: int | None, size: tuple[int, int] | None) -> NDArray[np.uint8]:
    """Return the pixels of a file that decodes."""
    decoder = Decoder(size, channels)
    pixels = decoded_by(decoder, data, "it")
    assert pixels is not None, decoder.corrupt
    return pixels


def tiff(values: NDArray[np.generic], **tags: float) -> bytes:
    """Return a TIFF of these values, with the lowest and highest sample where they are given."""
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for name, number in (("lowest", 340), ("highest", 341)):
        if name in tags:
            info[number] = tags[name]
            info.tagtype[number] = 12 if values.dtype.kind == "f" else 4
    return encoded(Image.fromarray(values), "TIFF", tiffinfo=info)


def looked_at(images: list[bytes], pixel_range: tuple[float, float] | None = None) -> Decoder:
    """Return a decoder that has looked at all images and settled their range."""
    decoder = Decoder(None, None, ranges=Ranges(given=pixel_range))
    for number, image in enumerate(images):
        decoder.look(image, f"a:{number}")
    assert decoder.ranges.settle() == []
    return decoder.anew()


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


def test_what_is_transparent_lets_the_background_be_seen():
    """A red that is fully transparent is white, a half transparent black grey, and another background as given."""
    image = Image.fromarray(np.asarray([[[255, 0, 0, 0], [0, 0, 0, 128], [1, 2, 3, 255]]], np.uint8), "RGBA")
    decoder = Decoder(None, None, background=(0, 9, 0))

    assert decode_bytes(encoded(image), None, None).tolist() == [[[255, 255, 255], [127, 127, 127], [1, 2, 3]]]
    pixels = decoded_by(decoder, encoded(image), "a:0")

    assert pixels is not None
    assert pixels[0, 0].tolist() == [0, 9, 0]
    (changed,) = decoder.log.report({}).changed
    assert "(0, 9, 0) (data.background)" in changed.what
    assert changed.examples == ("a:0",)


def test_a_transparent_grey_stays_grey():
    """On white, of one channel: 0 under no transparency, 255 where all of it is seen through."""
    image = Image.fromarray(np.asarray([[[7, 255], [7, 0]]], np.uint8), "LA")

    assert decode_bytes(encoded(image), None, None).tolist() == [[[7], [255]]]


def test_a_transparent_colour_of_a_palette_is_laid_on_the_background():
    """Entry 0 is transparent: white, not its own colour."""
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 1, 2, 3])
    image.putpixel((1, 0), 1)

    assert decode_bytes(encoded(image, transparency=0), None, None).tolist() == [[[255, 255, 255], [1, 2, 3]]]


def test_the_first_frame_is_taken_and_told():
    """Of an animation of two frames the first one is the image."""
    frames = [Image.new("L", (2, 2), value) for value in (10, 200)]
    decoder = Decoder(None, 1)

    pixels = decoded_by(decoder, encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]), "a.gif")

    assert pixels is not None
    assert (pixels == 10).all()
    assert [told.what for told in decoder.log.report({}).changed] == ["of several frames, the first one taken"]


DEEP = {
    "16 bits": (encoded(Image.fromarray(np.asarray([[0, 0x1234, 0xFFFF]], np.uint16))), [0, 0x12, 0xFF]),
    "16 bits in TIFF": (tiff(np.asarray([[0, 0x1234, 0xFFFF]], np.uint16)), [0, 0x12, 0xFF]),
    "16 bits in PGM": (b"P5 3 1 65535 \x00\x00\x12\x34\xff\xff", [0, 0x12, 0xFF]),
    "12 bits in PGM": (b"P5 3 1 4095 \x00\x00\x08\x00\x0f\xff", [0, 0x80, 0xFF]),
    "integers of 0 to 255": (tiff(np.asarray([[0, 128, 255]], np.int32)), [0, 128, 255]),
    "integers of 0 to 65,535": (tiff(np.asarray([[0, 0x1234, 0xFFFF]], np.int32)), [0, 0x12, 0xFF]),
    "floats of 0 to 1": (tiff(np.asarray([[0, 0.5, 1]], np.float32)), [0, 128, 255]),
    "floats of 0 to 255": (tiff(np.asarray([[0, 127.6, 255]], np.float32)), [0, 128, 255]),
    "floats that declare -1 to 1": (tiff(np.asarray([[-1, 0, 1]], np.float32), lowest=-1, highest=1), [0, 128, 255]),
    "16 bits that declare 4095": (
        tiff(np.asarray([[0, 2048, 4095]], np.uint16), lowest=0, highest=4095),
        [0, 128, 255],
    ),
}


@pytest.mark.parametrize(("data", "expected"), DEEP.values(), ids=DEEP)
def test_deep_pixels_are_scaled_by_their_range_and_it_is_told(data: bytes, expected: list[int]):
    """Black becomes 0 and white 255, whatever they were; never is a value cut off."""
    decoder = looked_at([data])

    pixels = decoded_by(decoder, data, "a:0")

    assert pixels is not None
    assert pixels.ravel().tolist() == pytest.approx(expected, abs=1)
    assert [told.count for told in decoder.log.report({}).changed] == [1]


def test_the_range_is_that_of_all_images():
    """A dark image of 0 to 255 is not taken for one of 0 to 1 when another one is brighter."""
    dark, bright = (tiff(np.asarray([[0, value]], np.float32)) for value in (1.0, 200.0))

    pixels = decoded_by(looked_at([dark, bright]), dark, "a:0")

    assert pixels is not None
    assert pixels.ravel().tolist() == [0, 1]


def test_nothing_is_decoded_before_the_range_is_known():
    """The first deep image asks for a look at all."""
    with pytest.raises(Undecided):
        decoded_by(Decoder(None, None), tiff(np.asarray([[0.5]], np.float32)), "a:0")


@pytest.mark.parametrize(
    ("data", "got", "fix"),
    [
        (encoded(Image.fromarray(np.asarray([[0, 4095]], np.uint16))), "0 to 4095", "[0, 4095]"),
        (tiff(np.asarray([[0, 1000]], np.int32)), "0 to 1000", "[0, 1023]"),
        (tiff(np.asarray([[-5, 1000]], np.int32)), "-5 to 1000", "[-1000, 1000]"),
        (tiff(np.asarray([[-1, 1]], np.float32)), "-1 to 1", "[-1, 1]"),
        (tiff(np.asarray([[0, 300]], np.float32)), "0 to 300", "[0, 511]"),
        (tiff(np.asarray([[0, 2]], np.float32), lowest=0, highest=1), "declared: 0 to 1 (a:0)", "data.pixel_range"),
    ],
    ids=[
        "12 bits in 16",
        "10 bits in 32",
        "signed",
        "floats around 0",
        "floats of 0 to 300",
        "beyond what it declares",
    ],
)
def test_a_range_that_nothing_tells_is_refused_and_can_be_given(data: bytes, got: str, fix: str):
    """The refusal says what was met; with the range that it advises the image is read."""
    decoder = Decoder(None, None)
    decoder.look(data, "a:0")

    (problem,) = decoder.ranges.settle()

    assert got in problem.got
    assert fix in problem.fix
    low, high = decoder.ranges.seen[next(iter(decoder.ranges.seen))].low, 4095.0
    given = Decoder(None, None, ranges=Ranges(given=(min(0.0, low * 400), high)))
    assert decoded_by(given, data, "a:0") is not None


def test_files_that_declare_different_ranges_are_refused():
    """Each scaled by its own would not be comparable."""
    decoder = Decoder(None, None)
    for number, highest in enumerate((1.0, 2.0)):
        decoder.look(tiff(np.asarray([[0.5]], np.float32), lowest=0, highest=highest), f"a:{number}")

    (problem,) = decoder.ranges.settle()

    assert problem.got.startswith("declared: 0 to 1 (a:0), 0 to 2 (a:1)")


def test_sixteen_bits_of_colour_that_use_few_are_refused():
    """Pillow keeps the upper 8 bits, which would be 16 levels of 12 bits in 16."""
    ranges = Ranges()
    ranges.look(Deep("16-bit colours", np.full((2, 2, 3), 4095, np.uint16)), "a:0")

    (problem,) = ranges.settle()

    assert problem.fix == "write the images with 8 bits a channel"


def deep_png(values: NDArray[np.uint16]) -> bytes:
    """Return a PNG of 16 bits a channel: (height, width, 3), which Pillow does not write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, _ = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_colours_of_sixteen_bits_keep_their_upper_eight_or_are_refused():
    """Where the upper half of the range is used; 12 bits in 16 would be 16 levels."""
    whole = deep_png(np.asarray([[[0, 0x1234, 0xFFFF]]], np.uint16))

    pixels = decoded_by(looked_at([whole]), whole, "a:0")
    assert pixels is not None
    assert pixels.tolist() == [[[0, 0x12, 0xFF]]]
    decoder = Decoder(None, None)
    decoder.look(deep_png(np.asarray([[[0, 2048, 4095]]], np.uint16)), "a:0")

    assert decoder.ranges.settle()[0].fix == "write the images with 8 bits a channel"


def test_a_tiff_whose_lowest_value_is_white_is_exchanged():
    """Pillow does so for 8 bits alone."""
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[262] = 0
    data = encoded(Image.fromarray(np.asarray([[0, 0xFFFF]], np.uint16)), "TIFF", tiffinfo=info)
    low = bytearray(data)
    place = low.find(struct.pack("<HHII", 262, 3, 1, 1))  # Pillow writes what it thinks of the mode
    if place >= 0:
        low[place + 8] = 0

    pixels = decoded_by(looked_at([bytes(low)]), bytes(low), "a:0")

    assert pixels is not None
    assert pixels.ravel().tolist() == [255, 0]


def test_a_value_outside_of_the_given_range_is_corrupt():
    """Nothing is clipped in silence, and a NaN is no pixel."""
    decoder = Decoder(None, None, ranges=Ranges(given=(0.0, 1.0)))

    for value in (1.5, np.nan):
        assert decoded_by(decoder, tiff(np.asarray([[0, value]], np.float32)), "a:0") is None

    assert "outside of 0 to 1 (data.pixel_range)" in decoder.corrupt.examples[0]
    assert "no numbers" in decoder.corrupt.examples[1]


def test_a_deep_photo_is_turned_upright_too():
    """EXIF orientation 6 holds for 16 bits as for 8."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.fromarray(np.asarray([[0, 0xFFFF]], np.uint16)), "PNG", exif=exif)

    pixels = decoded_by(looked_at([data]), data, "a:0")

    assert pixels is not None
    assert pixels.shape == (2, 1, 1)


def test_lab_colours_become_those_that_are_seen():
    """L of 255 without a and b is white."""
    white = Image.merge("LAB", [Image.new("L", (1, 1), value) for value in (255, 128, 128)])

    assert (decode_bytes(encoded(white, "TIFF"), None, None) >= 254).all()


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

    assert fit_pixels(pixels, 1, (2, 3)) is pixels


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
    decoder = Decoder(None, None)

    assert decoded_by(decoder, data, "a:0") is None
    assert decoder.corrupt.count == 1


def test_a_decompression_bomb_is_corrupt():
    """A small file of a hundred million pixels is not unpacked."""
    bomb = encoded(Image.new("1", (10_000, 10_000)))

    decoder = Decoder(None, None)

    assert decoded_by(decoder, bomb, "a:0") is None
    assert "decompression bomb" in decoder.corrupt.examples[0]


def test_a_bomb_of_text_beside_the_pixels_is_corrupt():
    """A PNG whose comment unpacks to 70 MB is not unpacked."""
    comment = PngImagePlugin.PngInfo()
    comment.add_text("comment", "a" * 70_000_000, zip=True)
    decoder = Decoder(None, None)

    assert decoded_by(decoder, encoded(Image.new("L", (1, 1)), "PNG", pnginfo=comment), "a:0") is None
    assert decoder.corrupt.count == 1


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP", "PPM", "TGA"])
def test_an_image_with_flipped_bytes_never_ends_the_step(kind: str):
    """Whatever a damaged file makes Pillow do, the image is read or counted."""
    whole = bytearray(encoded(Image.effect_noise((16, 16), 90), kind))
    random = np.random.default_rng(0)
    decoder = Decoder((4, 4), 1)

    for number in range(150):
        damaged = whole.copy()
        for place in random.integers(0, len(whole), 4):
            damaged[place] = random.integers(0, 256)
        decoder.look(bytes(damaged), f"a:{number}")
        with contextlib.suppress(Undecided):
            decoded_by(decoder, bytes(damaged), f"a:{number}")

    assert decoder.seen > 0


def test_corrupt_images_are_counted_with_five_examples():
    """Of seven corrupt images all are counted, and the first five named."""
    decoder = Decoder(None, None)

    for row in range(7):
        assert decoded_by(decoder, b"text", f"a:{row}") is None

    report = decoder.report()
    assert report.count == 7
    assert report.examples == tuple(f"a:{row} (4 bytes that are no image)" for row in range(5))


def test_a_corrupt_fraction_at_the_limit_passes():
    """One of two is half: a limit of 0.5 lets it pass, one of 0.49 does not."""
    decoder = Decoder(None, None)
    decoded_by(decoder, grey(), "a:0")
    decoded_by(decoder, b"text", "a:1")

    assert decoder.problems(0.5) == []
    assert [problem.got for problem in decoder.problems(0.49)] == ["of 2 images 1: a:1 (4 bytes that are no image)"]


def test_images_that_are_all_corrupt_never_pass():
    """Even a limit of 1 wants one image."""
    decoder = Decoder(None, None)
    decoded_by(decoder, b"text", "a:0")

    assert len(decoder.problems(1.0)) == 1


def test_the_first_image_sets_the_shape():
    """Another size is a misfit, and the message says which and how to go on."""
    decoder = Decoder(None, None)
    decoded_by(decoder, grey(2, 3), "a:0")

    assert decoded_by(decoder, grey(4, 3), "a:1") is None

    (problem,) = decoder.problems(0.0)
    assert problem.expected == "2x3x1 as the first one, and at most 4096x4096"
    assert problem.got == "of 2 images 1: a:1 (4x3x1)"
    assert "data.image_size" in problem.fix


def test_a_size_makes_all_shapes_one():
    """With a size and channels given, mixed images fit."""
    decoder = Decoder((2, 2), 3)

    shapes = [decoded_by(decoder, grey(side, 3), "a") for side in (2, 4)]

    assert [pixels.shape for pixels in shapes if pixels is not None] == [(2, 2, 3), (2, 2, 3)]
    assert decoder.sound
