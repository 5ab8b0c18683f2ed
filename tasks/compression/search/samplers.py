"""What proposes the next trial of a search: one row a sampler. Each is seeded, and learns from results alone."""

from __future__ import annotations

from collections.abc import Callable

from optuna.distributions import CategoricalDistribution
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler

from featherline.tasks.compression.search.evolution import EvolutionSampler
from featherline.tasks.compression.search.reinforce import ReinforceSampler
from featherline.tasks.contracts.steps.search import SamplerName, SearchParams
from featherline.tasks.contracts.trials import COSTS

Space = dict[str, CategoricalDistribution]


def sampler_of(params: SearchParams, space: Space, seed: int) -> BaseSampler:
    """Return what chooses the next trial."""
    return SAMPLERS[params.sampler](params, space, seed)


def _nsga2(params: SearchParams, space: Space, seed: int) -> BaseSampler:  # noqa: ARG001
    return NSGAIISampler(population_size=params.population, seed=seed)


def _evolution(params: SearchParams, space: Space, seed: int) -> BaseSampler:
    return EvolutionSampler(space, population=params.population, seed=seed)


def _tpe(params: SearchParams, space: Space, seed: int) -> BaseSampler:  # noqa: ARG001
    return TPESampler(n_startup_trials=params.population, constant_liar=True, seed=seed)


def _random(params: SearchParams, space: Space, seed: int) -> BaseSampler:  # noqa: ARG001
    return RandomSampler(seed=seed)


def _reinforce(params: SearchParams, space: Space, seed: int) -> BaseSampler:
    return ReinforceSampler(space, target=getattr(params.budget, COSTS[params.objective]), seed=seed)


SAMPLERS: dict[SamplerName, Callable[[SearchParams, Space, int], BaseSampler]] = {
    "nsga2": _nsga2,
    "evolution": _evolution,
    "tpe": _tpe,
    "random": _random,
    "reinforce": _reinforce,
}
