"""Small sources of distinct grey images, and the way from one to a data set."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.steps.preprocess import PreprocessInputs, PreprocessParams
from featherline.tasks.running.context import Context
from featherline.tasks.steps.preprocess import preprocess

Read = Callable[..., Dataset]
Picture = Callable[..., bytes]


@pytest.fixture
def picture() -> Picture:
    """Give a function that makes a 4x4 image file of its own for each number."""

    def make(number: int, kind: str = "PNG") -> bytes:
        buffer = io.BytesIO()
        pixels = np.random.default_rng(number).integers(0, 256, (4, 4), np.uint8)
        Image.fromarray(pixels).save(buffer, kind)
        return buffer.getvalue()

    return make


@pytest.fixture
def fill(tmp_path: Path, picture: Picture) -> Callable[..., Path]:
    """Give a function that puts so many images into each folder of `tmp_path/source`."""

    def put(folders: dict[str, int], suffix: str = ".png") -> Path:
        number = 0
        for name, count in folders.items():
            folder = tmp_path / "source" / name
            folder.mkdir(parents=True, exist_ok=True)
            for row in range(count):
                (folder / f"{row}{suffix}").write_bytes(picture(number))
                number += 1
        return tmp_path / "source"

    return put


@pytest.fixture
def read(context: Context) -> Read:
    """Give a function that preprocesses a source."""

    def run(source: Path | str, **given: Any) -> Dataset:
        asked = {"name": "small", "source": str(source), "calibration_count": 2, **given}
        outputs = preprocess(PreprocessInputs(), PreprocessParams.model_validate(asked), context)
        return context.store.read(outputs.data, Dataset)

    return run
