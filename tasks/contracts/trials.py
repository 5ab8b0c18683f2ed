"""What an architecture search tried and found."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from featherline.tasks.contracts.base import Contract, Fraction
from featherline.tasks.contracts.model import Architecture
from featherline.tasks.contracts.quality import QualityMetric, QualityValue
from featherline.tasks.contracts.references import ModelFileRef
from featherline.tasks.contracts.stored import Stored

Score = Literal["parameters", "synflow", "naswot"]
SCORES: tuple[Score, ...] = ("parameters", "synflow", "naswot")
"""What an untrained network is judged by; each is a field of `Trial`, and more is better."""


SearchObjective = Literal["macs", "size"]
"""What is weighed against quality."""


COSTS: dict[SearchObjective, Literal["macs", "size_bytes"]] = {"macs": "macs", "size": "size_bytes"}
"""What of a trial, and of a budget, a search with an objective weighs."""


class Trial(Contract):
    """One architecture that the search looked at."""

    number: int
    architecture: Architecture
    state: Literal["complete", "infeasible", "filtered", "failed"]
    """Infeasible: outside the budget; filtered: its cheap score was among the worse. Neither was trained."""
    quality: QualityValue | None
    """On the validation split, at the highest fidelity it reached."""
    first_quality: QualityValue | None = None
    """After the epochs that every trained trial gets."""
    epochs: int
    macs: int
    parameters: int
    size_bytes: int
    """Estimated int8 file."""
    peak_ram_bytes: int | None = None
    """Estimated arena of the int8 file."""
    latency_ms: float | None = None
    """Median of the int8 file on the machine that searched, one thread; where the budget bounds it."""
    excess: float = -1.0
    """How far outside its budget it is: the worst of used over allowed, minus 1."""
    weights: ModelFileRef | None = None
    """The trained network, for those that inherit from it."""
    inherited_from: int | None = None
    """The trial whose trained weights this one began with."""
    synflow: float | None = None
    naswot: float | None = None
    seconds: float
    reason: str = ""

    def cost(self, objective: SearchObjective) -> int:
        """Return what a search with this objective weighs against quality."""
        cost: int = getattr(self, COSTS[objective])
        return cost


class Agreement(Contract):
    """How well a cheap score orders the trained trials."""

    score: Score
    spearman: Annotated[float, Field(ge=-1, le=1)] | None
    """Rank correlation with `first_quality`; None for less than three trials, or where all are equal."""
    trials: int


class Hypervolumes(Contract):
    """What the fronts dominate, of the box from the reference point to the best quality at no cost."""

    reference: int
    """MACs or bytes of the dearest trained trial."""
    search: Fraction
    control: Fraction | None = None
    """Of the random control."""


class Trials(Stored):
    """The trials of a study, by number, and what they show together."""

    remedy = "run search again, with ignore_cache: true"

    format: Literal[2] = 2
    """Format 1 knew one metric alone."""
    study: str
    sampler: str
    objective: SearchObjective = "macs"
    metric: QualityMetric = QualityMetric()
    """Of every quality here."""
    trials: tuple[Trial, ...]
    control: tuple[Trial, ...] = ()
    """As many by random search, where the recipe asks for it; none of them is chosen."""
    agreements: tuple[Agreement, ...] = ()
    hypervolumes: Hypervolumes | None = None
