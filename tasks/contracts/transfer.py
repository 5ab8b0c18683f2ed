"""Transfer learning: the backbone of a trained file under a new head, and which of its layers learn, and when.

file ──► backbone | old head          cut at the last pooling, or behind a layer that is named
             └──► new head ──► train: frozen ──► thawed, a few layers at a time
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from featherline.tasks.contracts.base import Contract

LayerName = Annotated[str, Field(min_length=1, max_length=256)]
LayerPattern = Annotated[str, Field(min_length=1, max_length=256)]
"""The name of a layer, or a pattern of names such as `conv5_*`."""
LayerPatterns = Annotated[tuple[LayerPattern, ...], Field(min_length=1, max_length=1000)]
LayerCount = Annotated[int, Field(ge=1, le=100_000)]


class NewHead(Contract):
    """What takes the place of a file's own end: pooling where it is needed, dropout, one dense layer."""

    cut: LayerName | None = Field(
        None, description="Layer of the file behind which it is cut; where absent, its last pooling."
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="Of the features that the head reads, while it is trained.")


def _as_section(value: Any) -> Any:  # noqa: ANN401 - of YAML
    return {} if value == "new" else value


Head = Annotated[NewHead, BeforeValidator(_as_section, json_schema_input_type=Literal["new"] | NewHead)]
"""`new` is a new head with all that can be said of it left out."""

BY_WORD, BY_COUNT, BY_NAME = "by word", "by count", "by name"


def _kind(value: Any) -> str:  # noqa: ANN401 - of YAML
    if isinstance(value, list | tuple):
        return BY_NAME
    return BY_COUNT if isinstance(value, int) and not isinstance(value, bool) else BY_WORD


Frozen = Annotated[
    Annotated[Literal["backbone"], Tag(BY_WORD)]
    | Annotated[LayerCount, Tag(BY_COUNT)]
    | Annotated[LayerPatterns, Tag(BY_NAME)],
    Discriminator(_kind),
]


class Freezing(Contract):
    """Which layers of a file do not learn."""

    frozen: Frozen | None = Field(
        None,
        description="Layers of model.file that keep their weights and statistics: backbone (all in front of the head), "
        "how many with weights from the input on, or names and patterns such as conv1*.",
    )

    @property
    def asks(self) -> bool:
        """Return whether anything differs from plain training."""
        return self.frozen is not None
