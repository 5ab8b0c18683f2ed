"""What only images have: how they lie in a source, what a model does to a pixel, and how they are varied."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from featherline.tasks.contracts.base import LARGEST_SIDE, ColumnName, Contract
from featherline.tasks.contracts.preprocessing import Byte, ChannelOrder, Resampling, ResizeMode

Side = Annotated[int, Field(ge=1, le=LARGEST_SIDE)]
PixelValue = Annotated[float, Field(ge=-(2**32), le=2**32)]

CALLED = ("image", "img", "pic", "picture", "photo")
"""What people call them in the names of folders and files."""
SIZE_KEY = "data.image_size"

FormatName = Literal["auto", "digits", "parquet", "image_folder", "csv", "manifest"]
"""Those of files are rows of `modalities/image/formats.py`."""


class ImageIntake(Contract):
    """How images are found in a source, and what they are brought to."""

    format: FormatName = Field("auto", description="How they lie there.")
    image_column: ColumnName | None = Field(
        None, description="That holds the image or its file name; taken alone where it is the only one that fits."
    )
    image_size: tuple[Side, Side] | None = Field(
        None, description="(height, width) to resize to; needed for mixed sizes."
    )
    resize: ResizeMode = Field(
        "stretch",
        description="To image_size. stretch: whatever the proportions; crop: the largest part in the middle that has "
        "the proportions of image_size; letterbox: the whole image, and background above and below or at its sides.",
    )
    resampling: Resampling = Field("bilinear", description="Of resizing; Pillow's filter, which averages what shrinks.")
    channels: Literal[1, 3] | None = Field(None, description="Grey or RGB; that of the source where absent.")
    background: tuple[Byte, Byte, Byte] = Field(
        (255, 255, 255),
        description="Colour (red, green, blue) that is seen through transparent pixels, and of a letterbox.",
    )
    pixel_range: tuple[PixelValue, PixelValue] | None = Field(
        None,
        description="Values that mean black and white, of pixels with more than 8 bits, floats and CSV; from the files "
        "where absent.",
    )

    @model_validator(mode="after")
    def _a_size_is_named(self) -> Self:
        if self.image_size is None and (self.resize != "stretch" or self.resampling != "bilinear"):
            raise ValueError("image_size beside resize and resampling: without it no image is resized")
        return self

    @model_validator(mode="after")
    def _black_is_not_white(self) -> Self:
        if self.pixel_range is not None and self.pixel_range[0] >= self.pixel_range[1]:
            raise ValueError("pixel_range is [black, white], and white the larger number")
        return self


MOST_MAGNITUDE = 30
Part = Annotated[float, Field(gt=0, le=1)]
Proportion = Annotated[float, Field(ge=0.01, le=100)]


def _pair(value: Any) -> Any:  # noqa: ANN401 - of YAML, some of which a validator around it has read before
    return tuple(value) if isinstance(value, list) else value


Parts = Annotated[tuple[Part, Part], BeforeValidator(_pair)]
Proportions = Annotated[tuple[Proportion, Proportion], BeforeValidator(_pair)]
Strength = Annotated[float, Field(ge=0, le=10)]


class RandomResizedCrop(Contract):
    """A random part of each image, resized to the whole."""

    scale: Parts = Field((0.08, 1.0), description="Least and most of the image's area that the part has.")
    ratio: Proportions = Field((3 / 4, 4 / 3), description="Least and most of its width over height.")

    @model_validator(mode="after")
    def _least_first(self) -> Self:
        for name, (least, most) in (("scale", self.scale), ("ratio", self.ratio)):
            if least > most:
                raise ValueError(f"{name} is [least, most], and most not the smaller number")
        return self


class ColourJitter(Contract):
    """Colours of each image changed by chance, in this order."""

    brightness: Strength = Field(0.0, description="Its factor is from 1 less this to 1 plus this, and never below 0.")
    contrast: Strength = Field(0.0, description="Likewise.")
    saturation: Strength = Field(0.0, description="Likewise; not of grey images.")
    hue: float = Field(0.0, ge=0, le=0.5, description="Turned by up to this part of a circle; not of grey images.")


class RandAugment(Contract):
    """Some operations for each image, drawn from fourteen: of grey images thirteen, without saturation."""

    operations: int = Field(2, ge=1, le=14, description="How many one after the other.")
    magnitude: float = Field(9, ge=0, le=MOST_MAGNITUDE, description="Of all of them, on torchvision's scale, 0 to 30.")


class ImageAugmentation(Contract):
    """Random views of the images that a network learns from, in the order: crops, flip, colours, cutout, mixup."""

    flip: bool = Field(default=False, description="Mirror half of the images.")
    crop: int = Field(0, ge=0, le=256, description="Pixels of padding for random crops.")
    random_resized_crop: RandomResizedCrop | None = Field(
        None, description="A random part of each image, resized to the whole; {} for the usual one."
    )
    colour_jitter: ColourJitter | None = Field(None, description="Random colours.")
    rand_augment: RandAugment | None = Field(
        None, description="Random operations, shear to equalize; {} for the usual two."
    )
    cutout: int = Field(
        0, ge=0, le=LARGEST_SIDE, description="Pixels a side of a square that hides a part of each image."
    )
    mixup: float = Field(
        0.0,
        ge=0,
        le=1000,
        description="Alpha of mixup: each image and its label mixed with another's by Beta(alpha, alpha).",
    )


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
