"""Photos that are generated: 224x224 JPEGs of ten classes, as many as are wanted, the same ones each time.

    patterns of a class, noise, a shift and a brightness by the number of the photo ──► folder/<class>/<number>.jpg

A class is two waves of colours across the picture, under noise: a small network tells them apart after some hundred
photos, and a JPEG of them is as large as one of a photograph of that size.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 224
CLASSES = 10
QUALITY = 85
NOISE = 40.0
"""Standard deviation, of 255."""
AT_ONCE = 500
DONE = "done"


def generate(folder: Path, count: int, processes: int = 2) -> Path:
    """Write so many photos, the classes in turn, unless they are there already.

    Args:
        folder: Made where it is absent; holds these photos and nothing else.
        count: Of photos.
        processes: That write at the same time.
    """
    if (folder.parent / f"{folder.name}.{DONE}").exists():
        return folder
    for label in range(CLASSES):
        (folder / f"class-{label}").mkdir(parents=True, exist_ok=True)
    starts = range(0, count, AT_ONCE)
    with ProcessPoolExecutor(processes) as pool:
        for _ in pool.map(partial(_write, folder, count), starts):
            pass
    (folder.parent / f"{folder.name}.{DONE}").touch()
    return folder


def _write(folder: Path, count: int, start: int) -> None:
    patterns, noise = _patterns(), _noise()
    for number in range(start, min(start + AT_ONCE, count)):
        generator, label = np.random.default_rng(number), number % CLASSES
        down, right, grain_down, grain_right = generator.integers(0, SIDE, 4)
        picture = np.roll(patterns[label], (int(down), int(right)), (0, 1)) + np.float32(generator.normal(0, 20))
        picture = picture + noise[grain_down : grain_down + SIDE, grain_right : grain_right + SIDE]
        pixels = np.clip(picture, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"class-{label}" / f"{number:06}.jpg", quality=QUALITY)


def _patterns() -> NDArray[np.float32]:
    """Return (CLASSES, SIDE, SIDE, 3)."""
    generator = np.random.default_rng(0)
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(np.float32) * np.float32(2 * np.pi / SIDE)
    made = np.empty((CLASSES, SIDE, SIDE, 3), np.float32)
    for label in range(CLASSES):
        colours = generator.uniform(-45, 45, (2, 3))
        for channel in range(3):
            waves = np.sin((label % 5 + 1) * rows) * colours[0, channel] + np.sin((label + 2) * columns) * colours[1, 0]
            made[label, :, :, channel] = 128 + waves
    return made


def _noise() -> NDArray[np.float32]:
    """Return (2 SIDE, 2 SIDE, 1), grains of some pixels."""
    grains = np.random.default_rng(1).normal(0, NOISE, (SIDE, SIDE, 1)).astype(np.float32)
    return grains.repeat(2, 0).repeat(2, 1)
