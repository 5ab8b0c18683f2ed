"""The contracts of the step `search`."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from featherline.tasks.contracts.base import Contract
from featherline.tasks.contracts.device import Budget
from featherline.tasks.contracts.external_state import BuilderModule, External
from featherline.tasks.contracts.fit import MOST_EPOCHS, Fit
from featherline.tasks.contracts.modalities.parameters import PreprocessingChoice
from featherline.tasks.contracts.model import BuilderName, Options
from featherline.tasks.contracts.references import DatasetRef, TrialsRef
from featherline.tasks.contracts.secrets import Secret
from featherline.tasks.contracts.step import Params
from featherline.tasks.contracts.trials import Score, SearchObjective

SamplerName = Literal["nsga2", "evolution", "tpe", "random", "reinforce"]
"""Each is a row of `compression/search/samplers.py`."""


class SearchSpace(Contract):
    """A family of networks: a builder, options that are fixed, and options with the values to choose from."""

    builder: BuilderName = Field(description="As model.builder.")
    fixed: Options = Field({}, description="Options of the builder that all have in common.")
    choices: dict[str, tuple[int | float | str | bool, ...]] = Field(
        min_length=1, description="Values to choose from, by option; widths.1 is the second entry of a fixed list."
    )


class TrialFilter(Contract):
    """Which of the sampled networks are trained: the better part of those that were scored so far."""

    by: Score = Field(description="A score of the untrained network; more is better.")
    keep: float = Field(0.5, gt=0, le=1, description="Part of the sampled networks that is trained.")


class SearchInputs(Contract):
    """The data, and which of the workers this is."""

    data: DatasetRef
    worker: int = Field(0, ge=0)


class SearchParams(Params):
    """How to search for architectures."""

    secrets: ClassVar[frozenset[Secret]] = frozenset((Secret.STUDIES,))
    label_input: ClassVar[str] = "worker"

    space: SearchSpace | None = Field(None, description="Without it nothing is searched.")
    preprocessing: PreprocessingChoice = Field(
        "auto", description="Of the networks that are built, as model.preprocessing; auto is data's own there."
    )
    trials: int = Field(
        0, ge=0, le=100_000, description="Of the whole study, over all workers; those not trained count too."
    )
    workers: int = Field(1, ge=1, le=64, description="Tasks that share the study.")
    in_flight: int = Field(
        4,
        ge=1,
        le=64,
        description="Trials under way at most: each is proposed from the results up to so many trials before it.",
    )
    sampler: SamplerName = Field("nsga2", description="How the next trial is chosen; evolution is aging evolution.")
    population: int = Field(
        8, ge=2, le=10_000, description="Of the evolution (nsga2, evolution); random trials first of tpe."
    )
    objective: SearchObjective = Field("macs", description="Weighed against quality.")
    epochs: int = Field(2, ge=1, le=MOST_EPOCHS, description="Of a trial that is not promoted.")
    promoted_epochs: int = Field(4, ge=1, le=MOST_EPOCHS, description="Of the best of each rung (successive halving).")
    promote_fraction: float = Field(0.5, gt=0, le=1, description="Part of the trials that gets the longer training.")
    filter: TrialFilter | None = Field(None, description="Without it all that is inside the budget is trained.")
    inherit: bool = Field(
        default=False, description="A trial begins with the weights of the trained trial that is most like it."
    )
    control: bool = Field(
        default=False, description="As many trials by random search beside it, for comparison: doubles the cost."
    )
    fit: Fit = Field(Fit(), description="Epochs are those above.")
    budget: Budget = Field(Budget(), description="Trials outside it are not trained.")

    @model_validator(mode="after")
    def _every_worker_has_work(self) -> Self:
        if self.workers > self.in_flight:
            raise ValueError(
                f"in_flight of at least {self.workers}, as many as there are workers: more would have nothing to do"
            )
        return self

    def passthrough(self, inputs: Any) -> Contract | None:  # noqa: ANN401, ARG002
        """Answer for a recipe that searches nothing."""
        return SearchOutputs(trials=None) if self.space is None or self.trials == 0 else None

    def external_state(self, inputs: Any) -> tuple[External, ...]:  # noqa: ANN401, ARG002
        """Return the user's own builder."""
        return (BuilderModule("builder", self.space.builder),) if self.space else ()


class SearchOutputs(Contract):
    """A snapshot of the study when this worker was done."""

    trials: TrialsRef | None
