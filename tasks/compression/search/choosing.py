"""What samplers of our own share: all choices of the space are made together, from the trials of the study alone.

study ──► finished trials ──► [choose] ──► a value for each choice

A sampler has no state but its generator: every worker replays the same results in the same order (`proposals`) and so
makes the same choices, and one that begins again loses nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial


class ChoosingSampler(BaseSampler):
    """An Optuna sampler over categorical choices; `choose` says how."""

    def __init__(self, space: dict[str, CategoricalDistribution], *, seed: int) -> None:
        """Choose from `space`."""
        self.space = space
        self.generator = np.random.default_rng(seed)
        self.fallback = RandomSampler(seed=seed)

    def choose(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
        """Return a value for each choice."""
        raise NotImplementedError

    def at_random(self, name: str) -> Any:  # noqa: ANN401 - any choice
        """Return any value of a choice, all equally likely."""
        choices = self.space[name].choices
        return choices[int(self.generator.integers(len(choices)))]

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:  # noqa: ARG002
        """Return all choices: they are sampled together."""
        return dict(self.space)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return a value for each choice."""
        return self.choose(study, trial) if search_space else {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:  # noqa: ANN401 - any choice
        """Return a random value for a choice that is not in the space."""
        return self.fallback.sample_independent(study, trial, param_name, param_distribution)
