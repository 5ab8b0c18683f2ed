"""A folder of small photos that nobody took: drawn by a seed, of all sizes and proportions, some classes rare."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

COUNTS = {"ball": 150, "box": 60, "star": 24}
"""Photos of each class."""
COLOURS = {"ball": (200, 60, 50), "box": (60, 90, 200), "star": (220, 190, 40)}
"""What things of a class are like; each is lighter or darker."""


def write_photos(folder: Path, counts: dict[str, int] | None = None, seed: int = 0) -> Path:
    """Write a class folder of JPEGs each. Equal seeds write equal files.

    Args:
        folder: That they are written into.
        counts: Photos of each class.
        seed: Of all that is drawn.
    """
    generator = np.random.default_rng(seed)
    for name, count in (counts or COUNTS).items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            photo(name, generator).save(folder / name / f"{number:04}.jpg", quality=90)
    return folder


def photo(name: str, generator: np.random.Generator) -> Image.Image:
    """Draw a thing of a class somewhere about the middle of a lit, noisy room."""
    height, width = (int(side) for side in generator.integers(48, 97, 2))
    image = Image.fromarray(_room(height, width, generator))
    side = min(height, width)
    half = side * generator.uniform(0.25, 0.4)
    x, y = (extent / 2 + generator.uniform(-0.1, 0.1) * side for extent in (width, height))
    colour = tuple(int(value) for value in np.clip(np.array(COLOURS[name]) * generator.uniform(0.7, 1.2), 0, 255))
    draw = ImageDraw.Draw(image)
    if name == "ball":
        draw.ellipse((x - half, y - half, x + half, y + half), fill=colour)
    elif name == "box":
        draw.rectangle((x - half, y - 0.8 * half, x + half, y + 0.8 * half), fill=colour)
    else:
        angles = np.arange(10) * np.pi / 5 + generator.uniform(0, np.pi)
        reach = half * np.where(np.arange(10) % 2, 0.45, 1.2)
        draw.polygon([(x + r * np.cos(a), y + r * np.sin(a)) for a, r in zip(angles, reach, strict=True)], fill=colour)
    return image.filter(ImageFilter.GaussianBlur(float(generator.uniform(0.3, 1.2))))


def _room(height: int, width: int, generator: np.random.Generator) -> NDArray[np.uint8]:
    wall = generator.uniform(60, 180, 3)
    light = np.linspace(generator.uniform(0.6, 1), generator.uniform(0.8, 1.3), width)[np.newaxis, :, np.newaxis]
    noise = generator.normal(0, 8, (height, width, 3))
    return np.clip(wall * light + noise, 0, 255).astype(np.uint8)
