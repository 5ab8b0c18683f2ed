"""The contracts of the step `preprocess`."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from featherline.tasks.contracts.base import LARGEST_SIDE, Address, Contract, Fraction, Name, NameOrEmpty
from featherline.tasks.contracts.external_state import External, FilesAt
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.refusal import examples
from featherline.tasks.contracts.step import Params

Side = Annotated[int, Field(ge=1, le=LARGEST_SIDE)]


PixelValue = Annotated[float, Field(ge=-(2**32), le=2**32)]


Byte = Annotated[int, Field(ge=0, le=255)]


ColumnName = Annotated[str, Field(min_length=1, max_length=256)]


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    again = [name for name, count in Counter(names).items() if count > 1]
    if again:
        raise ValueError(f"each class once, not {examples(again)} again")
    return names


ClassName = Annotated[str, Field(min_length=1, max_length=200)]


ClassNames = Annotated[tuple[ClassName, ...], Field(min_length=2), AfterValidator(_each_once)]


class PreprocessInputs(Contract):
    """Nothing: the source is outside."""


class PreprocessParams(Params):
    """Where the images come from and how they are split."""

    name: NameOrEmpty = Field("", description="Of the data set; that of the recipe where empty.")
    modality: Name = Field("image", description="What the inputs are.")
    source: Address = Field(description='"digits" (bundled), a folder, or s3://bucket/prefix.')
    format: Literal["auto", "digits", "parquet", "image_folder", "csv", "manifest"] = Field(
        "auto", description="How they lie there."
    )
    label_column: ColumnName | int | None = Field(
        None, description="That holds the class, by name; in a CSV also by position (0: first, -1: last)."
    )
    image_column: ColumnName | None = Field(
        None, description="That holds the image or its file name; taken alone where it is the only one that fits."
    )
    split_column: ColumnName | None = Field(None, description="Of a CSV: that says train, validation or test.")
    classes: ClassNames | None = Field(
        None, description="Names in the order of the model's outputs; found in the source where absent."
    )
    image_size: tuple[Side, Side] | None = Field(
        None, description="(height, width) to resize to; needed for mixed sizes."
    )
    channels: Literal[1, 3] | None = Field(None, description="Grey or RGB; that of the source where absent.")
    background: tuple[Byte, Byte, Byte] = Field(
        (255, 255, 255), description="Colour (red, green, blue) that is seen through transparent pixels."
    )
    pixel_range: tuple[PixelValue, PixelValue] | None = Field(
        None,
        description="Values that mean black and white, of pixels with more than 8 bits, floats and CSV; from the files "
        "where absent.",
    )
    validation_fraction: float = Field(0.1, gt=0, lt=1, description="Of train, where the source has no such split.")
    test_fraction: float = Field(0.2, gt=0, lt=1, description="Of all, where the source has no such split.")
    calibration_count: int = Field(200, gt=0, description="Images taken from train, stratified.")
    max_corrupt_fraction: Fraction = Field(0.0, description="More images than this that cannot be read are refused.")
    limit: int | None = Field(None, gt=0, description="At most this many images a source split, stratified.")
    shard_size: int = Field(4096, gt=0, description="Images a shard; fewer where they are large (32 MiB).")

    @model_validator(mode="after")
    def _black_is_not_white(self) -> PreprocessParams:
        if self.pixel_range is not None and self.pixel_range[0] >= self.pixel_range[1]:
            raise ValueError("pixel_range is [black, white], and white the larger number")
        return self

    def external_state(self, inputs: Any) -> tuple[External, ...]:  # noqa: ANN401, ARG002
        """Return the source."""
        return (FilesAt("source", self.source),)


class PreprocessOutputs(Contract):
    """The data set."""

    data: DatasetRef
