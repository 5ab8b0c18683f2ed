"""The manifest of a data set: its inputs by name, its targets, and its splits in shards."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, TypeVar

from pydantic import Field

from featherline.tasks.contracts.base import Contract, Name
from featherline.tasks.contracts.preprocessing import Resize
from featherline.tasks.contracts.references import ArrayRef, EncodedRef, SamplesRef
from featherline.tasks.contracts.stored import Stored

Value = TypeVar("Value")

SplitName = Literal["train", "validation", "calibration", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "calibration", "test")

Storage = Literal["array", "encoded"]

Shape = tuple[Annotated[int, Field(gt=0)], ...]
"""Of one example, without the number of examples."""

InputShape = Shape | dict[str, Shape]
"""What a builder is given: the shape of a sole input, or the shapes of several by their names."""


class Statistics(Contract):
    """The range of a stored value, 0 to `scale`, and mean and std of train's value / scale, one number a channel.

    Channels are the last axis. The preprocessing `data` is made of it; what a model does to a value is in the model.
    """

    scale: float = Field(gt=0)
    mean: tuple[float, ...]
    std: tuple[Annotated[float, Field(gt=0)], ...]


class InputSpec(Contract):
    """One input of a data set: what it is, and how one example of it lies in a shard."""

    modality: Name
    shape: Shape
    dtype: str
    """Of NumPy, as the shards hold it."""
    statistics: Statistics
    resize: Resize | None = None
    """How examples of any size became ones of this shape; None where they came so."""
    storage: Storage = "array"
    """`encoded`: a shard has files that the modality decodes, each to an example of this shape and kind of number."""

    def stored_as(self, storage: Storage) -> InputSpec:
        """Return the same input, stored so."""
        return self.model_copy(update={"storage": storage})


class Profile(Contract):
    """Mean and standard deviation of value / scale over a split, one number a channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


class Shard(Contract):
    """A piece of a split: for each input `examples` (count, …) as its `InputSpec` says, and `targets` (count, …)."""

    examples: dict[str, ArrayRef | EncodedRef]
    targets: ArrayRef
    count: int = Field(gt=0)


class Split(Contract):
    """The shards of one split, in order, with the examples of each stratum counted."""

    shards: tuple[Shard, ...]
    count: int = Field(ge=0)
    strata: tuple[int, ...]
    """Examples of each kind that the split was stratified by, in the order of the vocabulary where there is one."""
    profiles: dict[str, Profile]
    """Of each input."""


class Unreadable(Contract):
    """Examples that could not be decoded, left out of every split."""

    count: int = Field(0, ge=0)
    examples: tuple[str, ...] = ()


class Told(Contract):
    """Something that befell examples or files of the source, with the first few of them by name.

    Attributes:
        what: In words for people, such as "not a file that is read here: .heic".
        count: How many.
        examples: Where the first few lie.
    """

    what: str
    count: int = Field(gt=0)
    examples: tuple[str, ...] = ()


class Intake(Contract):
    """What `preprocess` read of the source, and what it left out. Corrupt examples are told beside it.

    Attributes:
        format: Of the source, such as `csv`.
        read: Labelled examples met, by split of the source; `all` where it has no splits. Those beyond `data.limit`
            too.
        columns: What each column was taken for, by the part that it plays: example, label, split.
        left_out: What was not read.
        changed: What was done to examples and labels beyond decoding and resizing: scaled, flattened, one frame taken.
    """

    format: str = ""
    read: dict[str, int] = {}
    columns: dict[str, str] = {}
    left_out: tuple[Told, ...] = ()
    changed: tuple[Told, ...] = ()


class Dataset(Stored):
    """Examples and targets, in shards. `calibration` is a stratified part of `train`; the others are disjoint."""

    remedy: ClassVar[str] = "run preprocess again, with ignore_cache: true"

    format: Literal[3] = 3
    """Format 1 knew one input and one kind of answer; format 2 stored arrays alone, and is read."""
    name: Name
    problem: Name = "classification"
    inputs: dict[str, InputSpec] = Field(min_length=1)
    vocabulary: tuple[str, ...] = ()
    """The names of what an answer may be, in the order of the model's outputs; none where it is a number."""
    splits: dict[SplitName, Split]
    samples: SamplesRef
    corrupt: Unreadable = Unreadable()
    intake: Intake = Intake()

    @property
    def input_shape(self) -> InputShape:
        """Return the shape of the sole input, or those of several by name, as a builder of networks is given them."""
        shapes = {name: spec.shape for name, spec in self.inputs.items()}
        return sole(shapes)

    @property
    def strata(self) -> tuple[str, ...]:
        """Return a name for each stratum: that of the vocabulary, else its number."""
        count = max((len(split.strata) for split in self.splits.values()), default=0)
        return self.vocabulary or tuple(map(str, range(count)))


def sole(by_input: dict[str, Value]) -> Value | dict[str, Value]:
    """Return the value of a sole input, or the dict of several: as a network is fed."""
    return next(iter(by_input.values())) if len(by_input) == 1 else by_input
