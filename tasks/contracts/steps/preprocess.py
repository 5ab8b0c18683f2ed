"""The contracts of the step `preprocess`."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from featherline.tasks.contracts.base import Address, Contract, Fraction, Name, NameOrEmpty
from featherline.tasks.contracts.external_state import External, FilesAt
from featherline.tasks.contracts.modalities.image import ColumnName, ImageIntake
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.refusal import examples
from featherline.tasks.contracts.step import Params


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    again = [name for name, count in Counter(names).items() if count > 1]
    if again:
        raise ValueError(f"each class once, not {examples(again)} again")
    return names


ClassName = Annotated[str, Field(min_length=1, max_length=200)]


ClassNames = Annotated[tuple[ClassName, ...], Field(min_length=2), AfterValidator(_each_once)]


class PreprocessInputs(Contract):
    """Nothing: the source is outside."""


class PreprocessParams(Params, ImageIntake):
    """Where the examples come from and how they are split."""

    name: NameOrEmpty = Field("", description="Of the data set; that of the recipe where empty.")
    modality: Name = Field("image", description="What the inputs are.")
    problem: Name = Field("classification", description="What is answered.")
    source: Address = Field(description='"digits" (bundled), a folder, or s3://bucket/prefix.')
    label_column: ColumnName | int | None = Field(
        None, description="That holds the class, by name; in a CSV also by position (0: first, -1: last)."
    )
    split_column: ColumnName | None = Field(None, description="Of a CSV: that says train, validation or test.")
    classes: ClassNames | None = Field(
        None, description="Names in the order of the model's outputs; found in the source where absent."
    )
    validation_fraction: float = Field(0.1, gt=0, lt=1, description="Of train, where the source has no such split.")
    test_fraction: float = Field(0.2, gt=0, lt=1, description="Of all, where the source has no such split.")
    calibration_count: int = Field(200, gt=0, description="Examples taken from train, stratified.")
    max_corrupt_fraction: Fraction = Field(0.0, description="More examples than this that cannot be read are refused.")
    limit: int | None = Field(None, gt=0, description="At most this many examples a source split, stratified.")
    shard_size: int = Field(4096, gt=0, description="Examples a shard; fewer where they are large (32 MiB).")

    def external_state(self, inputs: Any) -> tuple[External, ...]:  # noqa: ANN401, ARG002
        """Return the source."""
        return (FilesAt("source", self.source),)


class PreprocessOutputs(Contract):
    """The data set."""

    data: DatasetRef
