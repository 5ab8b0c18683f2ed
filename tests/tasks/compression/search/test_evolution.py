"""Aging evolution: who lives, who wins, what a child is."""

from __future__ import annotations

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from featherline.tasks.compression.search.evolution import EvolutionSampler, excess, living

SPACE = {name: CategoricalDistribution(tuple(range(4))) for name in "abc"}


def trial(number: int, a: int, quality: float, cost: float, over: float = -1.0) -> FrozenTrial:
    """Return a trial that was told."""
    made = create_trial(
        params={"a": a, "b": 0, "c": number % 4},
        distributions=SPACE,
        values=[quality, cost],
        constraints={"budget": over},
    )
    made.number = number
    return made


def children(*trials: FrozenTrial, population: int, count: int = 20) -> list[dict[str, int]]:
    """Return what different seeds propose after these trials."""
    proposed = []
    for seed in range(count):
        sampler = EvolutionSampler(SPACE, population=population, seed=seed)
        study = optuna.create_study(directions=["maximize", "minimize"], sampler=sampler)
        study.add_trials(trials)
        proposed.append(study.ask(SPACE).params)
    return proposed


def changes(child: dict[str, int], parent: FrozenTrial) -> int:
    """Count the choices in which they differ."""
    return sum(child[name] != value for name, value in parent.params.items())


def test_the_oldest_die_however_good() -> None:
    """Of four trials a population of two has the last two; the failed and the running are none of it."""
    failed = create_trial(state=TrialState.FAIL)
    failed.number = 9

    alive = living([trial(3, 0, 0.1, 1), trial(0, 0, 0.99, 1), trial(2, 0, 0.2, 1), failed], 2, set(SPACE))

    assert [each.number for each in alive] == [2, 3]


def test_a_child_is_its_parent_but_for_one_choice() -> None:
    """Both of a population of two are in the tournament; the one that dominates is the parent."""
    old, worse, better = trial(0, 3, 1.0, 0.1), trial(1, 1, 0.5, 9), trial(2, 2, 0.9, 5)

    born = children(old, worse, better, population=2)

    assert all(changes(child, better) == 1 for child in born)
    assert len({name for child in born for name in SPACE if child[name] != better.params[name]}) == 3


def test_parents_come_from_all_of_the_front() -> None:
    """Where neither dominates, the cheap one is a parent as well as the accurate one."""
    cheap, accurate = trial(0, 1, 0.5, 1), trial(1, 2, 0.9, 5)

    born = children(cheap, accurate, population=2)

    assert {min((cheap, accurate), key=lambda each: changes(child, each)).number for child in born} == {0, 1}


def test_outside_the_budget_none_wins_against_one_inside() -> None:
    """A cheap network that needs too much memory has no child; among such, the nearest to the budget has."""
    inside, outside, worse = trial(0, 1, 0.3, 50), trial(1, 2, 0.0, 1, over=0.5), trial(2, 3, 0.0, 1, over=2.0)

    assert all(changes(child, inside) == 1 for child in children(outside, inside, population=2))
    assert all(changes(child, outside) == 1 for child in children(outside, worse, population=2))
    assert excess(outside) == 0.5


def test_a_known_child_is_changed_once_more() -> None:
    """With every neighbour of the parent tried and failed, a child differs in two choices."""
    parent = trial(0, 0, 0.9, 1)
    tried = []
    for name in SPACE:
        for value in range(1, 4):
            params = parent.params | {name: value}
            tried.append(create_trial(state=TrialState.FAIL, params=params, distributions=SPACE))

    born = children(trial(5, 0, 0.1, 9), parent, *tried, population=2)

    assert all(changes(child, parent) >= 2 for child in born)
    assert all(child not in [each.params for each in tried] for child in born)
