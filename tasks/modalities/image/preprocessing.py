"""Applying a preprocessing, and the ones that have a name.

images (n, height, width, channels) uint8 ──► model_inputs ◄── Preprocessing of the model ──► float32, the same shape
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.dataset import InputSpec
from featherline.tasks.contracts.modalities.image import OwnPreprocessing, PreprocessingChoice
from featherline.tasks.contracts.preprocessing import Preprocessing
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.modalities.image import resizing

MODALITY = IMAGE = "image"
"""The modality, and the name of the one input that a data set of images has."""
COLOURS = 3
OF_COLOURS = ("imagenet", "caffe")
BYTE = 255.0
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CAFFE_MEAN = (103.939, 116.779, 123.68)
"""Blue, green, red, of ImageNet."""


def model_inputs(images: NDArray[np.uint8], preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Return model inputs, float32, of the shape of `images`: `(pixel / scale - mean) / std`, by channel."""
    mean = np.asarray(preprocessing.mean, np.float32)
    std = np.asarray(preprocessing.std, np.float32)
    ordered = images[..., ::-1] if preprocessing.channel_order == "bgr" else images
    inputs: NDArray[np.float32] = ordered.astype(np.float32)
    inputs /= np.float32(preprocessing.scale)  # in place: a batch of photos is large
    inputs -= mean
    inputs /= std
    return inputs


def own_of(spec: InputSpec) -> Preprocessing:
    """Return the data set's own: mean and standard deviation of its train split, by channel."""
    own = spec.statistics
    return Preprocessing(
        modality=MODALITY, name="data", scale=own.scale, mean=own.mean, std=own.std, resize=spec.resize
    )


def named(name: str, spec: InputSpec) -> Preprocessing:
    """Return a preprocessing by its name, for the pixels of an input.

    Raises:
        Refused: It is one of colours, and the images have other channels.
    """
    check_channels(name, spec.shape[2])
    return NAMED[name](spec).model_copy(update={"resize": spec.resize})


def check_channels(choice: PreprocessingChoice | str, channels: int) -> None:
    """Refuse a preprocessing whose numbers are not those of so many channels."""
    if choice in OF_COLOURS and channels != COLOURS:
        raise refuse(
            f"the preprocessing {choice} does not fit the images",
            expected=f"images of {COLOURS} channels: it has a mean for red, green and blue each",
            got=f"images of {_counted(channels)}",
            fix="set data.channels: 3, or take another preprocessing",
        )
    if not isinstance(choice, OwnPreprocessing):
        return
    for what, numbers in (("mean", choice.mean), ("std", choice.std)):
        if len(numbers) not in (1, channels):
            raise refuse(
                "the preprocessing does not fit the images",
                expected=f"preprocessing.{what} of 1 number, or {channels} for {_counted(channels)}",
                got=f"{len(numbers)} numbers",
                fix=f"give preprocessing.{what} a number for each channel, or set data.channels",
            )
    if choice.channel_order == "bgr" and channels != COLOURS:
        raise refuse(
            "the preprocessing does not fit the images",
            expected=f"images of {COLOURS} channels for preprocessing.channel_order bgr",
            got=f"images of {_counted(channels)}",
            fix="set data.channels: 3, or leave preprocessing.channel_order out",
        )


def chosen(choice: PreprocessingChoice, spec: InputSpec) -> Preprocessing:
    """Return the preprocessing that a recipe gives, by name or by numbers; `auto` stands for `data` here.

    Raises:
        Refused: Its numbers are not those of so many channels.
    """
    if not isinstance(choice, OwnPreprocessing):
        return named("data" if choice == "auto" else choice, spec).model_copy(update={"why": "given in the recipe"})
    channels = spec.shape[2]
    check_channels(choice, channels)
    return Preprocessing(
        modality=MODALITY,
        name="own",
        scale=choice.scale,
        mean=_each(choice.mean, channels),
        std=_each(choice.std, channels),
        channel_order=choice.channel_order,
        resize=spec.resize,
        why="given in the recipe",
    )


def candidates(spec: InputSpec, images: NDArray[np.uint8]) -> list[Preprocessing]:
    """Return the ones with a name, then, where the images have colours, these with their channels turned round."""
    coloured = spec.shape[2] == COLOURS
    usual = [named(name, spec) for name in NAMED if coloured or name not in OF_COLOURS]
    if not coloured or np.array_equal(images[..., 0], images[..., 2]):
        return usual
    turned = [one for one in usual if one.channel_order == "rgb"]
    return usual + [_turned(one) for one in turned]


def _turned(one: Preprocessing) -> Preprocessing:
    return one.model_copy(
        update={"name": f"{one.name}-bgr", "mean": one.mean[::-1], "std": one.std[::-1], "channel_order": "bgr"}
    )


def in_words(preprocessing: Preprocessing) -> str:
    """Return a preprocessing as people read it, without where it comes from."""
    first = "" if preprocessing.resize is None else f"images {resizing.in_words(preprocessing.resize)}; "
    return first + _numbers_in_words(preprocessing)


def _numbers_in_words(preprocessing: Preprocessing) -> str:
    if preprocessing.numbers() == (1.0, (0.0,) * len(preprocessing.mean), (1.0,) * len(preprocessing.std), "rgb"):
        return f"{preprocessing.name}: pixels as they are"
    numbers = [f"{preprocessing.scale:g}"]
    numbers += [_listed(preprocessing.mean), _listed(preprocessing.std)]
    turned = ", channels in the order blue, green, red" if preprocessing.channel_order == "bgr" else ""
    return f"{preprocessing.name}: (pixel / {numbers[0]} - {numbers[1]}) / {numbers[2]}{turned}"


def background(preprocessing: Preprocessing, spec: InputSpec) -> NDArray[np.float32] | None:
    """Return what the mean pixel of the data becomes, (channels,); None where that is 0.

    It is what a view shows where there is no image, so that a network is told nothing there, however it is fed.
    """
    own = spec.statistics
    mean = np.asarray(own.mean[::-1] if preprocessing.channel_order == "bgr" else own.mean)
    became = (mean * (own.scale / preprocessing.scale) - np.asarray(preprocessing.mean)) / np.asarray(preprocessing.std)
    return became.astype(np.float32) if became.any() else None


def _each(numbers: tuple[float, ...], channels: int) -> tuple[float, ...]:
    return numbers * channels if len(numbers) == 1 else numbers


def _listed(numbers: tuple[float, ...]) -> str:
    shown = [f"{number:.4g}" for number in numbers]
    return shown[0] if len(set(shown)) == 1 else f"[{', '.join(shown)}]"


def _counted(channels: int) -> str:
    return f"{channels} channel{'' if channels == 1 else 's'}"


def _raw(spec: InputSpec) -> Preprocessing:
    return _plain("raw", spec, 1.0, 0.0)


def _unit(spec: InputSpec) -> Preprocessing:
    return _plain("unit", spec, spec.statistics.scale, 0.0)


def _symmetric(spec: InputSpec) -> Preprocessing:
    return _plain("symmetric", spec, spec.statistics.scale / 2, 1.0)


def _plain(name: str, spec: InputSpec, scale: float, mean: float) -> Preprocessing:
    channels = spec.shape[2]
    return Preprocessing(modality=MODALITY, name=name, scale=scale, mean=(mean,) * channels, std=(1.0,) * channels)


def _imagenet(spec: InputSpec) -> Preprocessing:
    return Preprocessing(
        modality=MODALITY, name="imagenet", scale=spec.statistics.scale, mean=IMAGENET_MEAN, std=IMAGENET_STD
    )


def _caffe(spec: InputSpec) -> Preprocessing:
    scale = spec.statistics.scale / BYTE
    return Preprocessing(
        modality=MODALITY, name="caffe", scale=scale, mean=CAFFE_MEAN, std=(1.0,) * COLOURS, channel_order="bgr"
    )


NAMED: dict[str, Callable[[InputSpec], Preprocessing]] = {
    "raw": _raw,
    "unit": _unit,
    "symmetric": _symmetric,
    "data": own_of,
    "imagenet": _imagenet,
    "caffe": _caffe,
}
"""In the order in which they are tried; of equal ones the first is taken."""
