"""The contracts of the step `preprocess`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from featherline.tasks.contracts.base import LONGEST_NAME, Address, ColumnName, Contract, Fraction, Name, NameOrEmpty
from featherline.tasks.contracts.external_state import External, FilesAt
from featherline.tasks.contracts.modalities import DEFAULT_MODALITY
from featherline.tasks.contracts.modalities.parameters import Intake
from featherline.tasks.contracts.problems import DEFAULT_PROBLEM
from featherline.tasks.contracts.problems.parameters import Answers
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.step import Params

InputName = Annotated[str, Field(pattern=rf"^[a-z_][a-z0-9_]{{0,{LONGEST_NAME - 1}}}$")]
"""Of an input: that of the network's input layer and of the file's signature too, so it is a name of Python."""


class InputIntake(Intake):
    """How the examples of one input are found, and what they are brought to."""

    modality: Name = Field(DEFAULT_MODALITY, description="What the input is.")
    storage: Literal["auto", "array", "encoded"] = Field(
        "auto",
        description="How its examples lie in the store: as arrays, which are read at once, or as encoded files of the "
        "same values; auto encodes large examples that take at most half of it so.",
    )


class InputParams(InputIntake):
    """One of several inputs."""

    source: Address | None = Field(None, description="Where its examples lie; data.source where absent.")


class PreprocessInputs(Contract):
    """Nothing: the source is outside."""


class PreprocessParams(Params, Answers, InputIntake):
    """Where the examples come from and how they are split. What one input has stands here, of several in `inputs`."""

    name: NameOrEmpty = Field("", description="Of the data set; that of the recipe where empty.")
    inputs: dict[InputName, InputParams] = Field(
        {}, description="Several inputs by name, each as its own modality reads it; absent for a sole one."
    )
    problem: Name = Field(DEFAULT_PROBLEM, description="What is answered.")
    source: Address = Field(description='"digits" (bundled), a folder, or s3://bucket/prefix.')
    label_column: ColumnName | int | None = Field(
        None, description="That holds the class, by name; in a CSV also by position (0: first, -1: last)."
    )
    split_column: ColumnName | None = Field(None, description="Of a CSV: that says train, validation or test.")
    validation_fraction: float = Field(0.1, gt=0, lt=1, description="Of train, where the source has no such split.")
    test_fraction: float = Field(0.2, gt=0, lt=1, description="Of all, where the source has no such split.")
    calibration_count: int = Field(200, gt=0, description="Examples taken from train, stratified.")
    max_corrupt_fraction: Fraction = Field(0.0, description="More examples than this that cannot be read are refused.")
    limit: int | None = Field(None, gt=0, description="At most this many examples a source split, stratified.")
    shard_size: int = Field(4096, gt=0, description="Examples a shard; fewer where they are large (32 MiB).")

    @model_validator(mode="after")
    def _each_input_speaks_for_itself(self) -> Self:
        shared = [key for key, field in InputIntake.model_fields.items() if getattr(self, key) != field.default]
        if self.inputs and shared:
            raise ValueError(f"{' and '.join(shared)} in each of data.inputs that needs it, not beside them")
        return self

    def external_state(self, inputs: Any) -> tuple[External, ...]:  # noqa: ANN401, ARG002
        """Return the sources."""
        own = {name: one.source for name, one in self.inputs.items() if one.source is not None}
        places = {"source": self.source} if not self.inputs or len(own) < len(self.inputs) else {}
        places |= {f"source of {name}": source for name, source in own.items()}
        return tuple(FilesAt(name, place) for name, place in places.items())

    def of_input(self, name: str) -> PreprocessParams:
        """Return the parameters of one input, as if it were the sole one; these themselves where it is."""
        if name not in self.inputs:
            return self
        own = {key: value for key, value in self.inputs[name] if key != "source"}
        return self.model_copy(update=own | {"inputs": {}, "source": self.inputs[name].source or self.source})


class PreprocessOutputs(Contract):
    """The data set."""

    data: DatasetRef
