"""What a kind of model input must be able to do, so that every step takes it. NumPy only.

    place ──► [open] ──► Source ──► raw example ──► [Encoder] ──► shard ──► [model_input] ──► network, file
                                                                   └──► [profile] ──► data gate

What needs TensorFlow, the random views of a training, stands apart (`Views`), since gates must not load it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.dataset import InputSpec, Shape, Unreadable
from featherline.tasks.contracts.fit import Fit
from featherline.tasks.contracts.modalities.parameters import PreprocessingChoice
from featherline.tasks.contracts.preprocessing import Preprocessing, Resize
from featherline.tasks.contracts.refusal import Problem
from featherline.tasks.contracts.steps.preprocess import PreprocessParams
from featherline.tasks.data.sources.intake import IntakeLog
from featherline.tasks.data.sources.source import Decoded, Decoding, Packing, Source


class Encoder(Protocol):
    """Makes of one input's raw examples what a shard holds: arrays of one shape, that of the first where none is given.

    Attributes:
        shape: Of every example; None until the first.
        dtype: Of NumPy, as a shard holds it.
        seen: Examples met, whatever became of them.
    """

    shape: Shape | None
    dtype: str
    seen: int

    def decoding(self) -> Decoding:
        """Return what decodes one example by itself, by what is known now."""

    def packing(self) -> Packing | None:
        """Return what makes files of examples for encoded shards; None where they are stored as arrays alone."""

    def accept(self, decoded: Decoded, where: str) -> bool:
        """Take note of a decoded example, in the order of the source. Returns whether it fits the others."""

    def look(self, raw: Any, where: str) -> None:  # noqa: ANN401
        """Take note of what must be known of all examples before the first is encoded."""

    def settle(self) -> list[Problem]:
        """Decide by what was looked at; return why that cannot be."""

    def anew(self) -> Encoder:
        """Return an encoder that begins again with what this one came to know."""

    @property
    def sound(self) -> bool:
        """Return whether every example so far fits the others."""

    def report(self) -> Unreadable:
        """Return the corrupt examples, counted and with some by name."""

    def problems(self, max_corrupt_fraction: float) -> list[Problem]:
        """Return what refuses these examples, if anything."""

    def check_content(self, std: tuple[float, ...], count: int) -> None:
        """Refuse examples in which there is nothing to learn from, by the profile of train."""


class Modality(Protocol):
    """One kind of model input.

    Attributes:
        name: As in `InputSpec.modality`.
        columns: What `profile` counts of each example, and `int64` or `float64`.
    """

    name: str
    columns: Mapping[str, str]

    def open(self, params: PreprocessParams) -> Source:
        """Open the source that a recipe names: formats, splits, labels first.

        Raises:
            Refused: It is not there, is empty, or is of no format that is read.
        """

    def encoder(self, name: str, params: PreprocessParams, log: IntakeLog) -> Encoder:
        """Return what encodes the examples of the input `name`."""

    def resized(self, params: PreprocessParams) -> Resize | None:
        """Return how examples of any size become ones of one size, which whoever feeds the model repeats.

        None where they come in it.
        """

    def profile(self, examples: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return (n,) numbers for each of `columns`, of (n, …) examples as they are stored."""

    def decode(self, encoded: Sequence[bytes], spec: InputSpec) -> NDArray[Any]:
        """Return the examples, (k, …), of files that an `Encoder.packing` made. Several threads do it at once."""

    def limits(self, spec: InputSpec) -> dict[str, tuple[float, float]]:
        """Return the lowest and the highest value that a column may have."""

    def model_input(self, stored: NDArray[Any], preprocessing: Preprocessing, /) -> NDArray[np.float32]:
        """Return examples as a model takes them."""

    def check_choice(self, choice: PreprocessingChoice, shape: Shape) -> None:
        """Refuse a preprocessing of a recipe that does not fit examples of a shape."""

    def chosen(self, choice: PreprocessingChoice, spec: InputSpec) -> Preprocessing:
        """Return the preprocessing that a recipe gives, by name or by numbers; `auto` stands for the data set's own.

        Raises:
            Refused: It does not fit the examples.
        """

    def candidates(self, spec: InputSpec, examples: NDArray[Any]) -> list[Preprocessing]:
        """Return what a model file of unknown preprocessing is tried with, the usual ones first."""

    def background(self, preprocessing: Preprocessing, spec: InputSpec, /) -> NDArray[np.float32] | None:
        """Return what the mean of the data became, (channels,); None where that is 0."""

    def in_words(self, preprocessing: Preprocessing, /) -> str:
        """Return a preprocessing as people read it, without where it comes from."""


DRAWS = 8
"""Random draws that a view may take: seeds of different batches lie this far apart."""


class View(NamedTuple):
    """What the networks see of a batch."""

    inputs: Any
    """The examples, (n, …)."""
    share: Any
    """(n,) in [0.5, 1]: how much of each view is its own example. The rest is that of its partner, the batch backwards.
    None where nothing is mixed.
    """


class Space(NamedTuple):
    """What the values of a model's input mean."""

    preprocessing: Preprocessing
    """That made them."""
    largest: float
    """Stored value; the smallest is 0."""


class Views(Protocol):
    """The TensorFlow side of a modality: what a training step makes of an input, and what a network begins with."""

    def model_input(self, stored: Any, preprocessing: Preprocessing, /) -> Any:  # noqa: ANN401 - tensors
        """Return examples as a model takes them, bit for bit as `Modality.model_input` does."""

    def moves(self, fit: Fit) -> bool:
        """Return whether views differ from epoch to epoch."""

    def check(self, fit: Fit, shape: Shape) -> None:
        """Refuse views that would show nothing of examples of a shape."""

    def augment(
        self,
        examples: Any,  # noqa: ANN401 - tensors
        seed: Any,  # noqa: ANN401
        fit: Fit,
        background: Any = None,  # noqa: ANN401
        space: Space | None = None,
    ) -> View:
        """Return a random view of each example, of the same shape. Equal seeds, (2,) int32, give equal views."""

    def own_scaling(self, model: Any) -> str:  # noqa: ANN401 - tf_keras
        """Return the layers with which a network brings stored values to its scale by itself; nothing where none do."""
