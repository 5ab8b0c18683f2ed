"""How a stored pixel becomes a model's input: it belongs to the model, not to the data set.

pixel ──► channels in the model's order ──► (pixel / scale - mean) / std ──► input
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from featherline.tasks.contracts.base import Contract, Fraction, Name

Std = Annotated[float, Field(gt=0)]
ChannelOrder = Literal["rgb", "bgr"]


class Preprocessing(Contract):
    """What one model does to a value of an input: `(value / scale - mean) / std`, by channel, in its channel order."""

    modality: Name = "image"
    """Of the input."""
    name: str
    """`data`, `raw`, `unit`, …, as in a recipe; `own` for numbers that the recipe gives."""
    scale: float = Field(gt=0)
    mean: tuple[float, ...]
    std: tuple[Std, ...]
    channel_order: ChannelOrder = "rgb"
    """`bgr`: the stored channels, which are red, green and blue, are turned round first."""
    why: str = ""
    """Where it comes from, in words."""
    measured: dict[str, Fraction] = {}
    """Validation accuracy under each candidate that was measured, where it had to be found."""

    def numbers(self) -> tuple[Any, ...]:
        """Return what decides about the inputs: two preprocessings with equal ones are the same."""
        return self.scale, self.mean, self.std, self.channel_order


LARGEST = 1e6
"""Of the numbers of a preprocessing: beyond it bytes become inputs that no network was trained on."""


def _one_for_all(value: Any) -> Any:  # noqa: ANN401 - of YAML
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return (value,) if number else value


Mean = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]
Deviation = Annotated[float, Field(ge=1 / LARGEST, le=LARGEST)]
Means = Annotated[tuple[Mean, ...], BeforeValidator(_one_for_all, json_schema_input_type=Mean | tuple[Mean, ...])]
Deviations = Annotated[
    tuple[Deviation, ...], BeforeValidator(_one_for_all, json_schema_input_type=Deviation | tuple[Deviation, ...])
]
"""One number a channel, which may be written as one number for all."""


class OwnPreprocessing(Contract):
    """The numbers of a preprocessing that has no name. `scale` divides: 255 where Keras has `Rescaling(1/255)`."""

    scale: float = Field(1.0, ge=1, le=LARGEST, description="What a pixel is divided by first: 255 makes it 0 to 1.")
    mean: Means = Field((0.0,), description="Subtracted after that; one, or one a channel.")
    std: Deviations = Field((1.0,), description="Divided by last; one, or one a channel.")
    channel_order: ChannelOrder = Field("rgb", description="Of the model's input, and of mean and std.")


NamedPreprocessing = Literal["auto", "data", "raw", "unit", "symmetric", "imagenet", "caffe"]


BY_NAME, BY_NUMBERS = "by name", "by numbers"


def _kind(value: Any) -> str:  # noqa: ANN401 - of YAML
    return BY_NUMBERS if isinstance(value, dict | OwnPreprocessing) else BY_NAME


PreprocessingChoice = Annotated[
    Annotated[NamedPreprocessing, Tag(BY_NAME)] | Annotated[OwnPreprocessing, Tag(BY_NUMBERS)], Discriminator(_kind)
]
"""In a recipe: a name, or the numbers.

`data` is the data set's own mean and standard deviation; `raw` the pixels as they are; `unit` 0 to 1; `symmetric` -1 to
1; `imagenet` 0 to 1 with ImageNet's mean and deviation; `caffe` blue, green, red less ImageNet's mean. `auto` is `raw`
where the model itself begins with Rescaling or Normalization; else, for a file, what fits best on the validation split,
and for a network that is built, `data`.
"""
