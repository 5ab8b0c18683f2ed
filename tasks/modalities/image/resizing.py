"""Bringing an image of any size to one size, by a rule that whoever feeds the model can repeat.

    stretch    ──► the whole image, whatever its proportions
    crop       ──► the largest part in its middle that has the proportions of the size, and that resized
    letterbox  ──► the whole image, as large as it fits, in the middle of a ground of one colour

The filters are Pillow's, whose window grows with what becomes smaller, so that no pixel is skipped. TensorFlow's
`tf.image.resize` does the same with `antialias=True`, and leaves pixels out without it.
"""

from __future__ import annotations

from PIL import Image, ImageOps

from featherline.tasks.contracts.modalities.image import ImageIntake
from featherline.tasks.contracts.preprocessing import Resize

Size = tuple[int, int]
"""(height, width)."""

STRETCH = Resize(mode="stretch", resampling="bilinear", background=None)


def chosen(params: ImageIntake) -> Resize | None:
    """Return the rule of a recipe; None where it names no size."""
    if params.image_size is None:
        return None
    background = params.background if params.resize == "letterbox" else None
    return Resize(mode=params.resize, resampling=params.resampling, background=background)


def resized(image: Image.Image, size: Size, how: Resize) -> Image.Image:
    """Return an image of one size.

    Args:
        image: Grey ("L") or of colours ("RGB").
        size: (height, width) that it gets.
        how: The rule. Of an image that has the size already nothing changes.
    """
    height, width = size
    method = Image.Resampling[how.resampling.upper()]
    if how.mode == "crop":
        return ImageOps.fit(image, (width, height), method)
    if how.mode == "stretch":
        return image.resize((width, height), method)
    inside = fitting((image.height, image.width), size)
    ground = Image.new(image.mode, (width, height), _colour(how.background or (0, 0, 0), image.mode))
    part = image.resize((inside[1], inside[0]), method)
    ground.paste(part, ((width - inside[1]) // 2, (height - inside[0]) // 2))
    return ground


def fitting(own: Size, size: Size) -> Size:
    """Return (height, width), at least one pixel each, of the largest image of its proportions that fits a size."""
    ratio = min(size[0] / own[0], size[1] / own[1])
    height, width = (max(1, round(side * ratio)) for side in own)
    return height, width


def in_words(how: Resize) -> str:
    """Return what was done, for people: `cropped in the middle to the input's proportions, bilinear`."""
    colour = ", ".join(map(str, how.background or ()))
    done = {
        "stretch": "stretched to the input's size",
        "crop": "cropped in the middle to the input's proportions and resized",
        "letterbox": f"resized to fit the input, in the middle of a ground of the colour ({colour})",
    }[how.mode]
    return f"{done}, {how.resampling}"


def as_code(how: Resize, size: Size) -> tuple[str, ...]:
    """Return Python lines that make `image`, of Pillow and of the model's mode, one of the size, as `resized` does.

    They need `Image` and `ImageOps` of Pillow.
    """
    height, width = size
    method = f"Image.Resampling.{how.resampling.upper()}"
    if how.mode == "stretch":
        return (f"image = image.resize(({width}, {height}), {method})",)
    if how.mode == "crop":
        return (f"image = ImageOps.fit(image, ({width}, {height}), {method})",)
    colour = _colour(how.background or (0, 0, 0), "RGB")
    return (
        f"ratio = min({width} / image.width, {height} / image.height)",
        "sides = [max(1, round(side * ratio)) for side in image.size]",
        f'ground = Image.new("RGB", ({width}, {height}), {colour}).convert(image.mode)',
        f"ground.paste(image.resize(sides, {method}), (({width} - sides[0]) // 2, ({height} - sides[1]) // 2))",
        "image = ground",
    )


def _colour(background: tuple[int, int, int], mode: str) -> int | tuple[int, ...]:
    """Return a colour of an image's mode: of a grey one its luma, as Pillow converts it."""
    if mode == "RGB":
        return background
    found = Image.new("RGB", (1, 1), background).convert(mode).getpixel((0, 0))
    assert isinstance(found, int | tuple)  # noqa: S101 - of bytes
    return found
