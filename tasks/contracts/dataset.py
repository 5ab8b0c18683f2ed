"""The manifest of a data set: its splits in shards, its classes, the statistics of its pixels."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from featherline.tasks.contracts.base import Contract, Name
from featherline.tasks.contracts.references import ArrayRef, SamplesRef

SplitName = Literal["train", "validation", "calibration", "test"]

ImageShape = tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]]
"""(height, width, channels)."""


class Normalisation(Contract):
    """The range of a stored pixel, 0 to `scale`, and mean and std of train's pixel / scale, one number a channel.

    The preprocessing `data` is made of it; what a model does to a pixel is in the model.
    """

    scale: float = Field(gt=0)
    mean: tuple[float, ...]
    std: tuple[Annotated[float, Field(gt=0)], ...]


class Shard(Contract):
    """A piece of a split: `images` (count, height, width, channels) uint8 and `labels` (count,) int64."""

    images: ArrayRef
    labels: ArrayRef
    count: int = Field(gt=0)


class Split(Contract):
    """The shards of one split, in order, with the images of each class counted."""

    shards: tuple[Shard, ...]
    count: int = Field(ge=0)
    class_counts: tuple[int, ...]
    pixel_mean: tuple[float, ...]
    """Mean of pixel / scale, one number a channel."""
    pixel_std: tuple[float, ...]


class CorruptImages(Contract):
    """Images that could not be decoded, left out of every split."""

    count: int = Field(0, ge=0)
    examples: tuple[str, ...] = ()


class Told(Contract):
    """Something that befell images or files of the source, with the first few of them by name.

    Attributes:
        what: In words for people, such as "not an image that is read here: .heic".
        count: How many.
        examples: Where the first few lie.
    """

    what: str
    count: int = Field(gt=0)
    examples: tuple[str, ...] = ()


class Intake(Contract):
    """What `preprocess` read of the source, and what it left out. Corrupt images are told beside it.

    Attributes:
        format: Of the source, such as `csv`.
        read: Labelled images met, by split of the source; `all` where it has no splits. Those beyond `data.limit` too.
        columns: What each column was taken for, by the part that it plays: image, label, split.
        left_out: What was not read.
        changed: What was done to pixels and labels beyond decoding and resizing: scaled, flattened, first frame taken.
    """

    format: str = ""
    read: dict[str, int] = {}
    columns: dict[str, str] = {}
    left_out: tuple[Told, ...] = ()
    changed: tuple[Told, ...] = ()


class Dataset(Contract):
    """Labelled images in shards. `calibration` is a stratified part of `train`; the other splits are disjoint."""

    name: Name
    image_shape: ImageShape
    classes: tuple[str, ...]
    normalisation: Normalisation
    splits: dict[SplitName, Split]
    samples: SamplesRef
    corrupt: CorruptImages = CorruptImages()
    intake: Intake = Intake()
