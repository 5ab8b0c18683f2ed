"""Images as a kind of model input: decoded from files or tables, stored as bytes, fed as floats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.dataset import InputSpec, Shape
from featherline.tasks.contracts.modalities.image import PreprocessingChoice
from featherline.tasks.contracts.preprocessing import Preprocessing, Resize
from featherline.tasks.contracts.steps.preprocess import PreprocessParams
from featherline.tasks.data.sources.decoding import blocks, squares
from featherline.tasks.data.sources.intake import IntakeLog
from featherline.tasks.data.sources.source import Source
from featherline.tasks.modalities.image import preprocessing, resizing, stored
from featherline.tasks.modalities.image.decoder import Decoder
from featherline.tasks.modalities.image.deep_pixels import Ranges
from featherline.tasks.modalities.image.formats import open_source


class ImageModality:
    """Pixels (height, width, channels), grey or red, green and blue."""

    name = preprocessing.MODALITY
    columns: Mapping[str, str] = {"mean": "float64", "std": "float64", "minimum": "int64", "maximum": "int64"}

    def open(self, params: PreprocessParams) -> Source:
        """Open the source that a recipe names."""
        return open_source(params)

    def encoder(self, name: str, params: PreprocessParams, log: IntakeLog) -> Decoder:  # noqa: ARG002 - there is one
        """Return what decodes the images."""
        ranges = Ranges(given=params.pixel_range)
        how = resizing.chosen(params) or resizing.STRETCH
        return Decoder(params.image_size, params.channels, params.background, log, ranges, how)

    def resized(self, params: PreprocessParams) -> Resize | None:
        """Return how images became ones of `data.image_size`; None where it is not given."""
        return resizing.chosen(params)

    def profile(self, examples: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return mean, spread, lowest and highest of the pixels of each image, as they are stored."""
        flat = examples.reshape(len(examples), -1)
        mean = flat.sum(axis=1, dtype=np.uint64) / flat.shape[1]
        squared = np.concatenate([squares(part).sum(axis=1, dtype=np.uint64) for part in blocks(flat)])
        return {
            "mean": mean,
            "std": np.sqrt(np.maximum(squared / flat.shape[1] - mean**2, 0)),
            "minimum": flat.min(axis=1).astype(np.int64),
            "maximum": flat.max(axis=1).astype(np.int64),
        }

    def decode(self, encoded: Sequence[bytes], spec: InputSpec) -> NDArray[Any]:
        """Return the pixels of stored files."""
        return stored.decoded(encoded, spec)

    def limits(self, spec: InputSpec) -> dict[str, tuple[float, float]]:
        """Return the range of a pixel for every column."""
        return dict.fromkeys(self.columns, (0.0, spec.statistics.scale))

    def model_input(self, examples: NDArray[Any], preprocessing_: Preprocessing) -> NDArray[np.float32]:
        """Return images as a model takes them."""
        return preprocessing.model_inputs(examples, preprocessing_)

    def check_choice(self, choice: PreprocessingChoice, shape: Shape) -> None:
        """Refuse a preprocessing whose numbers are not those of the images' channels."""
        preprocessing.check_channels(choice, shape[-1])

    def chosen(self, choice: PreprocessingChoice, spec: InputSpec) -> Preprocessing:
        """Return the preprocessing that a recipe gives."""
        return preprocessing.chosen(choice, spec)

    def candidates(self, spec: InputSpec, examples: NDArray[Any]) -> list[Preprocessing]:
        """Return the ones with a name, then those with the channels turned round."""
        return preprocessing.candidates(spec, examples)

    def background(self, preprocessing_: Preprocessing, spec: InputSpec) -> NDArray[np.float32] | None:
        """Return what the mean pixel became."""
        return preprocessing.background(preprocessing_, spec)

    def in_words(self, preprocessing_: Preprocessing) -> str:
        """Return a preprocessing as people read it."""
        return preprocessing.in_words(preprocessing_)
