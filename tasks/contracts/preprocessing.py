"""How a stored value becomes a model's input: it belongs to the model, not to the data set.

value ──► channels in the model's order ──► (value / scale - mean) / std ──► input

What a recipe may choose is its modality's: `contracts.modalities`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from featherline.tasks.contracts.base import Contract, Fraction, Name
from featherline.tasks.contracts.modalities import DEFAULT_MODALITY

Std = Annotated[float, Field(gt=0)]
ChannelOrder = Literal["rgb", "bgr"]
Byte = Annotated[int, Field(ge=0, le=255)]

ResizeMode = Literal["stretch", "crop", "letterbox"]
Resampling = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
"""Filters of Pillow. All but `nearest` take every value of the source into account, also where it becomes smaller."""


class Resize(Contract):
    """How an example of any size became one of the model's size, before it was stored; whoever feeds it repeats this.

    Nothing has a default, so that a file says all of it.
    """

    mode: ResizeMode
    resampling: Resampling
    background: tuple[Byte, Byte, Byte] | None
    """Of letterbox: the colour (red, green, blue) of what is added; of grey examples its luma."""


class Preprocessing(Contract):
    """What one model does to a value of an input: `(value / scale - mean) / std`, by channel, in its channel order."""

    modality: Name = DEFAULT_MODALITY
    """Of the input."""
    name: str
    """`data`, `raw`, `unit`, …, as in a recipe; `own` for numbers that the recipe gives."""
    scale: float = Field(gt=0)
    mean: tuple[float, ...]
    std: tuple[Std, ...]
    channel_order: ChannelOrder = "rgb"
    """`bgr`: the stored channels, which are red, green and blue, are turned round first."""
    resize: Resize | None = None
    """What was done to the examples before all this; None where they came in the size of the input."""
    why: str = ""
    """Where it comes from, in words."""
    measured: dict[str, Fraction] = {}
    """Validation quality under each candidate that was measured, where it had to be found."""

    def numbers(self) -> tuple[Any, ...]:
        """Return what decides about the inputs: two preprocessings with equal ones are the same."""
        return self.scale, self.mean, self.std, self.channel_order
