"""How a stored pixel becomes a model's input: it belongs to the model, not to the data set.

pixel ──► channels in the model's order ──► (pixel / scale - mean) / std ──► input
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from tasks.contracts.base import Contract, Fraction

Std = Annotated[float, Field(gt=0)]
ChannelOrder = Literal["rgb", "bgr"]


class Preprocessing(Contract):
    """What one model does to a pixel: `(pixel / scale - mean) / std`, by channel, in the model's channel order."""

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


class OwnPreprocessing(Contract):
    """The numbers of a preprocessing that has no name. `scale` divides: 255 where Keras has `Rescaling(1/255)`."""

    scale: float = Field(1.0, ge=1, description="What a pixel is divided by first.")
    mean: tuple[float, ...] = Field((0.0,), min_length=1, description="Subtracted after that; one, or one a channel.")
    std: tuple[Std, ...] = Field((1.0,), min_length=1, description="Divided by last; one, or one a channel.")
    channel_order: ChannelOrder = Field("rgb", description="Of the model's input, and of mean and std.")


NamedPreprocessing = Literal["auto", "data", "raw", "unit", "symmetric", "imagenet", "caffe"]


def _kind(value: Any) -> str:  # noqa: ANN401 - of YAML
    return "numbers" if isinstance(value, dict | OwnPreprocessing) else "name"


PreprocessingChoice = Annotated[
    Annotated[NamedPreprocessing, Tag("name")] | Annotated[OwnPreprocessing, Tag("numbers")], Discriminator(_kind)
]
"""In a recipe: a name, or the numbers.

`data` is the data set's own mean and standard deviation; `raw` the pixels as they are; `unit` 0 to 1; `symmetric` -1 to
1; `imagenet` 0 to 1 with ImageNet's mean and deviation; `caffe` blue, green, red less ImageNet's mean. `auto` is `raw`
where the model itself begins with Rescaling or Normalization; else, for a file, what fits best on the validation split,
and for a network that is built, `data`.
"""
