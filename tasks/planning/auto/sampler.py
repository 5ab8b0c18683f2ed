"""The next round of lanes, from the results of the earlier ones.

    outcomes ──► an Optuna study in memory (TPE: cost against quality, rules as constraints) ──► points not yet tried

The study is built anew from the outcomes each time, so that the same history and seed give the same proposals.

Source: Ozaki et al. 2022, multi-objective TPE, https://doi.org/10.1613/jair.1.13188; Watanabe and Hutter 2023,
constraints in TPE, https://arxiv.org/abs/2211.14411
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from featherline.tasks.contracts.auto import Auto, PipelinePoint
from featherline.tasks.contracts.steps.choose import ChosenArchitecture
from featherline.tasks.planning.auto.grid import canonical, choices, points, shared_work
from featherline.tasks.planning.auto.outcomes import Outcome
from featherline.tasks.planning.auto.presets import presets
from featherline.tasks.planning.auto.rounds import Round

optuna.logging.set_verbosity(optuna.logging.WARNING)
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)

ASKS = 40
"""Questions to the sampler for one lane. It may name points that were tried; what it never names is drawn by lot."""

UNORDERED = ("student", "scheme", "order")
"""Parameters whose values have no order. The others are numbers, known to the sampler by their place in the grid."""


def next_points(
    auto: Auto,
    architectures: Sequence[ChosenArchitecture],
    history: Sequence[Outcome],
    *,
    lanes: int,
    seed: int,
    fits: Callable[[PipelinePoint], bool],
) -> list[PipelinePoint]:
    """Return at most `lanes` points that were not tried; none where the space is exhausted.

    Presets that had no place so far come first, and what is likely out of reach comes last.

    Args:
        auto: The space.
        architectures: Those that the search kept.
        history: What was tried, failed lanes too.
        lanes: Of this round.
        seed: Of the run.
        fits: Whether a point can fit the device at all.
    """
    tried = {outcome.point for outcome in history}
    done = {work for outcome in history if outcome.point and not outcome.failed for work in shared_work(outcome.point)}
    left = dict.fromkeys(point for point in points(auto, architectures) if point not in tried and fits(point))
    taken = Round(lanes, done)
    doubtful = {point: None for point in left if _out_of_reach(point, history)}
    for group in (dict.fromkeys(point for point in left if point not in doubtful), doubtful):
        for point in presets(auto, architectures):
            if point in group:
                taken.add(point)
        for point in _asked(auto, architectures, history, group, seed):
            if taken.full:
                break
            taken.add(point)
    return taken.points


def _out_of_reach(point: PipelinePoint, history: Sequence[Outcome]) -> bool:
    """Return whether a lane that pruned no harder failed, and none that pruned as hard arrived.

    The layers of a model have a least width, and what lies below it is refused whatever the other parameters are.
    A lane can fail for another reason too, so such points are not struck off.
    """
    pruned = [outcome for outcome in history if outcome.point and outcome.point.keep_macs < 1]
    pruned = [outcome for outcome in pruned if outcome.point and outcome.point.student == point.student]
    fell = any(outcome.failed and outcome.point.keep_macs >= point.keep_macs for outcome in pruned if outcome.point)
    reached = any(
        not outcome.failed and outcome.point.keep_macs <= point.keep_macs for outcome in pruned if outcome.point
    )
    return point.keep_macs < 1 and fell and not reached


def _asked(
    auto: Auto,
    architectures: Sequence[ChosenArchitecture],
    history: Sequence[Outcome],
    left: Mapping[PipelinePoint, None],
    seed: int,
) -> Iterable[PipelinePoint]:
    """Yield points that are left: what the sampler names, then the rest by lot."""
    values = choices(auto, architectures)
    space = _distributions(values)
    learnt = [outcome for outcome in history if outcome.point and _known(outcome.point, values)]
    study = optuna.create_study(
        directions=["minimize", "maximize"],
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=2, multivariate=True, constant_liar=True),
    )
    for outcome in learnt:
        study.add_trial(_trial(outcome, values, space))
    for _ in range(ASKS * min(len(left), auto.lanes)):
        trial = study.ask(space)
        point = canonical(PipelinePoint(**_chosen(trial.params, values)), auto)
        if point in left:
            yield point
        else:
            study.tell(trial, state=TrialState.FAIL)
    rest = list(left)
    random.Random(seed).shuffle(rest)  # noqa: S311 - no secret
    yield from rest


def _distributions(values: Mapping[str, Sequence[Any]]) -> dict[str, BaseDistribution]:
    return {
        name: CategoricalDistribution(tuple(options)) if name in UNORDERED else IntDistribution(0, len(options) - 1)
        for name, options in values.items()
    }


def _chosen(params: Mapping[str, Any], values: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    return {name: value if name in UNORDERED else values[name][value] for name, value in params.items()}


def _known(point: PipelinePoint, values: Mapping[str, Sequence[Any]]) -> bool:
    return point.student in values["student"] and point.scheme in values["scheme"]


def _trial(outcome: Outcome, values: Mapping[str, Sequence[Any]], space: dict[str, BaseDistribution]) -> Any:  # noqa: ANN401 - optuna's own
    """Return an outcome as the study has it; a parameter without effect in it has the first value of its grid."""
    point = outcome.point.model_dump() if outcome.point else {}
    places = {name: options.index(point[name]) if point[name] in options else 0 for name, options in values.items()}
    params = {name: values[name][place] if name in UNORDERED else place for name, place in places.items()}
    if outcome.failed:
        return create_trial(state=TrialState.FAIL, params=params, distributions=space)
    return create_trial(
        values=[outcome.cost, outcome.gain],
        params=params,
        distributions=space,
        constraints=dict(outcome.violations),
    )
