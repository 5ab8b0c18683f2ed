"""Advice about foreign data works: who does what a refusal says is not refused again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.preprocess import PreprocessInputs, PreprocessParams
from featherline.tasks.running.context import Context
from featherline.tasks.steps.preprocess import preprocess

IMAGES = 20
"""Of each class."""


def image(path: Path, size: tuple[int, int] = (8, 8), *, deepest: int = 255) -> None:
    """Write an image of noise; one that is deeper than 8 bits has 16."""
    pixels = np.random.default_rng(len(str(path))).integers(0, deepest + 1, size)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8 if deepest < 256 else np.uint16)).save(path)


def classes(folder: Path, *names: str, deepest: int = 255) -> None:
    """Write a folder of images for each class."""
    for name in names:
        for number in range(IMAGES):
            image(folder / name / f"{number}.png", deepest=deepest)


def an_empty_class(folder: Path) -> None:
    """Leave one class without an image."""
    classes(folder, "cat", "dog")
    (folder / "bird").mkdir()


def a_broken_image(folder: Path) -> None:
    """Put something between the images that is none."""
    classes(folder, "cat", "dog")
    (folder / "cat" / "broken.png").write_bytes(b"none")


def two_spellings(folder: Path) -> None:
    """Spell one class twice."""
    classes(folder, "cat", "Cat", "dog")


def twelve_bits(folder: Path) -> None:
    """Use a sixteenth of the range."""
    classes(folder, "cat", "dog", deepest=4095)


def two_sizes(folder: Path) -> None:
    """Make one image larger."""
    classes(folder, "cat", "dog")
    image(folder / "cat" / "large.png", (9, 9))


def one_class(folder: Path) -> None:
    """Leave nothing to tell apart."""
    classes(folder, "cat")


def a_class_called_train(folder: Path) -> None:
    """Name a class as a split is named."""
    classes(folder, "cat", "train")


def two_columns_that_fit(folder: Path) -> None:
    """Leave open which column is the class."""
    random = np.random.default_rng(0)
    pixels = {f"pixel{number}": random.integers(0, 256, 60) for number in range(16)}
    table = pd.DataFrame({"a": random.integers(0, 2, 60), "b": random.integers(0, 2, 60), **pixels})
    table.to_csv(folder / "train.csv", index=False)


def a_table_beside_folders(folder: Path) -> None:
    """Say twice what the classes are."""
    classes(folder / "images", "cat", "dog")
    names = [f"{name}/{number}.png" for name in ("cat", "dog") for number in range(IMAGES)]
    table = pd.DataFrame({"image": names, "label": [name[:3] for name in names]})
    table.to_csv(folder / "labels.csv", index=False)


Source = Callable[[Path], None]
Change = Callable[[Path], Any]
TRIALS: dict[str, tuple[Source, str, Change | dict[str, Any]]] = {
    "remove an empty class": (an_empty_class, "or remove it", lambda folder: (folder / "bird").rmdir()),
    "fill an empty class": (
        an_empty_class,
        "put images into the folder",
        lambda folder: classes(folder, "bird"),
    ),
    "remove a broken image": (
        a_broken_image,
        "replace or remove them",
        lambda folder: (folder / "cat" / "broken.png").unlink(),
    ),
    "allow broken images": (a_broken_image, "raise data.max_corrupt_fraction", {"max_corrupt_fraction": 0.05}),
    "name two spellings": (two_spellings, "name them all in data.classes", {"classes": ["Cat", "cat", "dog"]}),
    "rename a folder": (two_spellings, "rename the folders", lambda folder: (folder / "Cat").rename(folder / "lion")),
    "give the range": (twelve_bits, "such as [0, 4095]", {"pixel_range": [0, 4095]}),
    "give the size": (two_sizes, "give data.image_size", {"image_size": [8, 8]}),
    "add another class": (one_class, "add images of the other classes", lambda folder: classes(folder, "dog")),
    "name the classes": (a_class_called_train, "stands in data.classes", {"classes": ["cat", "train"]}),
    "name the column": (two_columns_that_fit, "set data.label_column", {"label_column": "a"}),
    "name the format": (a_table_beside_folders, "set data.format to manifest", {"format": "manifest"}),
}


@pytest.mark.parametrize(("source", "fix", "follow"), TRIALS.values(), ids=TRIALS.keys())
def test_a_source_is_read_when_the_advice_is_followed(
    context: Context, tmp_path: Path, source: Source, fix: str, follow: Change | dict[str, Any]
):
    """The refusal gives this advice, and the source with it done is read."""
    folder = tmp_path / "source"
    folder.mkdir()
    source(folder)
    asked = {"name": "data", "source": str(folder)}
    with pytest.raises(Refused) as refusal:
        preprocess(PreprocessInputs(), PreprocessParams.model_validate(asked), context)
    assert any(fix in problem.fix for problem in refusal.value.problems), refusal.value

    if callable(follow):
        follow(folder)
    else:
        asked |= follow

    preprocess(PreprocessInputs(), PreprocessParams.model_validate(asked), context)
