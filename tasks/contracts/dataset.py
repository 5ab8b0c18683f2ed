"""The manifest of a data set: its splits in shards, its classes, how images are normalised."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tasks.contracts.base import Contract, Name
from tasks.contracts.references import ArrayRef, SamplesRef

SplitName = Literal["train", "validation", "calibration", "test"]

ImageShape = tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]]
"""(height, width, channels)."""


class Normalisation(Contract):
    """How a stored pixel becomes a model input: `(pixel / scale - mean) / std`, mean and std one number a channel."""

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


class Dataset(Contract):
    """Labelled images in shards. `calibration` is a stratified part of `train`; the other splits are disjoint."""

    name: Name
    image_shape: ImageShape
    classes: tuple[str, ...]
    normalisation: Normalisation
    splits: dict[SplitName, Split]
    samples: SamplesRef
    corrupt: CorruptImages = CorruptImages()
