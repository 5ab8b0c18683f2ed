"""Aging evolution as an Optuna sampler: the youngest trials are the population, the oldest die, however good.

youngest `population` trials ──► half of them, drawn ──► the fittest ──► one choice changed ──► child

With two objectives each tournament draws a weight between them, so that one parent is good and the next one cheap,
and the search spreads along the front. Networks outside the budget win only against their like.

Source: Real et al. 2019, algorithm 1, https://arxiv.org/abs/1802.01548; of the drawn weight: Ishibuchi and Murata 1998,
section III, https://doi.org/10.1109/5326.704576
"""

from __future__ import annotations

from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState

from featherline.tasks.compression.search.choosing import ChoosingSampler

TOURNAMENT = 0.5
"""Of the population, two at least. The paper has 25 of 100; populations here are small."""

MOST_MUTATIONS = 20
"""A child that the study knows already is changed once more, so often at most."""


class EvolutionSampler(ChoosingSampler):
    """Mutates the winner of a tournament among the youngest trials."""

    def __init__(self, space: dict[str, CategoricalDistribution], *, population: int, seed: int) -> None:
        """Evolve a population of this size; until there are as many trials, all choices are random."""
        super().__init__(space, seed=seed)
        self.population = population
        self.tournament = max(2, round(TOURNAMENT * population))
        self.open = [name for name, choice in space.items() if len(choice.choices) > 1]

    def choose(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
        """Return a child that the study does not know yet, where mutations find one."""
        trials = study.get_trials(deepcopy=False)
        known = [other.params for other in trials if other.number != trial.number]
        youngest = living(trials, self.population, set(self.space))
        if len(youngest) < self.population:
            return {name: self.at_random(name) for name in self.space}
        child = self._mutated(dict(self._parent(youngest).params))
        for _ in range(MOST_MUTATIONS):
            if child not in known:
                break
            child = self._mutated(child)
        return child

    def _parent(self, youngest: list[FrozenTrial]) -> FrozenTrial:
        """Return the winner of a tournament."""
        drawn = [youngest[place] for place in self.generator.permutation(len(youngest))[: self.tournament]]
        least = min(excess(each) for each in drawn)
        fit = [each for each in drawn if excess(each) <= max(least, 0.0)]
        weight = self.generator.random()
        fitness = [weight * beaten(fit, each, 0, 1) + (1 - weight) * beaten(fit, each, 1, -1) for each in fit]
        return fit[int(np.argmax(fitness))]

    def _mutated(self, chosen: dict[str, Any]) -> dict[str, Any]:
        """Return the same choices but for one, drawn, that gets another value."""
        if not self.open:
            return chosen
        name = self.open[int(self.generator.integers(len(self.open)))]
        others = [value for value in self.space[name].choices if value != chosen[name]]
        return chosen | {name: others[int(self.generator.integers(len(others)))]}


def living(trials: list[FrozenTrial], population: int, choices: set[str]) -> list[FrozenTrial]:
    """Return the youngest finished trials by number; those that failed or were filtered are not among them."""
    told = [each for each in trials if each.state == TrialState.COMPLETE and choices <= set(each.params)]
    return sorted(told, key=lambda each: each.number)[-population:]


def beaten(trials: list[FrozenTrial], one: FrozenTrial, objective: int, sign: int) -> int:
    """Count the trials that are worse than one in an objective; `sign` is 1 where more is better, else -1."""
    return sum(sign * other.values[objective] < sign * one.values[objective] for other in trials)


def excess(trial: FrozenTrial) -> float:
    """Return how far outside its budget a trial is, 0 or less inside."""
    return max(trial.constraints.values(), default=0.0)
