"""Transfer learning: the backbone of a trained file under a new head, and which of its layers learn, and when.

file ──► backbone | old head          cut at the last pooling, or behind a layer that is named
             └──► new head ──► train: frozen ──► thawed, a few layers at a time
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

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
Thawed = Annotated[
    Annotated[Literal["all"], Tag(BY_WORD)]
    | Annotated[LayerCount, Tag(BY_COUNT)]
    | Annotated[LayerPatterns, Tag(BY_NAME)],
    Discriminator(_kind),
]


class Thaw(Contract):
    """Frozen layers that learn from some epoch on."""

    after: int = Field(ge=1, description="Epochs that are done by then.")
    layers: Thawed = Field(
        "all",
        description="How many of those still frozen, from the head back; names and patterns; or all that are left.",
    )


class Freezing(Contract):
    """Which layers of a file do not learn, which of them do later, and how fast.

    Source: Yosinski et al. 2014, https://arxiv.org/abs/1411.1792 (frozen and fine-tuned features); Howard and Ruder
    2018, section 3.3, https://arxiv.org/abs/1801.06146 (gradual unfreezing)
    """

    frozen: Frozen | None = Field(
        None,
        description="Layers of model.file that keep their weights and statistics: backbone (all in front of the head), "
        "how many with weights from the input on, or names and patterns such as conv1*.",
    )
    thaw: tuple[Thaw, ...] = Field(
        (), max_length=100, description="Gradual unfreezing: sections of after and layers, by rising epochs."
    )
    pretrained_rate: float | None = Field(
        None,
        gt=0,
        le=1,
        description="Factor of the learning rate for what the file brought; the new head learns at the whole rate.",
    )

    @property
    def asked(self) -> tuple[str, ...]:
        """Return the keys that ask for something else than plain training."""
        return tuple(name for name in Freezing.model_fields if getattr(self, name) not in (None, ()))

    def beyond(self, epochs: int) -> tuple[int, ...]:
        """Return the epochs of `thaw` after which nothing would be trained."""
        return tuple(thaw.after for thaw in self.thaw if thaw.after >= epochs)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        afters = [thaw.after for thaw in self.thaw]
        if self.thaw and self.frozen is None:
            raise ValueError("frozen beside thaw: what is not frozen cannot thaw")
        if afters != sorted(set(afters)):
            raise ValueError(f"thaw by rising epochs, not after {', '.join(map(str, afters))}")
        if any(thaw.layers == "all" for thaw in self.thaw[:-1]):
            raise ValueError("layers in each thaw but the last: after all of them nothing is left to thaw")
        if self.pretrained_rate is not None and self.frozen == "backbone" and not self.thaw:
            raise ValueError("thaw beside pretrained_rate where the backbone is frozen: it never learns without it")
        return self
