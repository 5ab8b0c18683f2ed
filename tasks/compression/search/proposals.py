"""Which architecture each place of a search tries: a function of the seed and of earlier results, and of nothing else.

    place n ◄── sampler ◄── results of the places up to n - in_flight, told in their order
                   ▲
                   └─────── architectures of the places between, whose results may still be under way

Every worker replays the same proposals for itself, so that how many workers there are, how fast each one is and which
of them died changes nothing. A place that only repeats an earlier architecture takes its result.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import TrialState

from featherline.tasks.contracts.quality import SHARE, QualityMetric
from featherline.tasks.contracts.trials import SearchObjective, Trial

MOST_REPEATS = 20
"""Proposals of known architectures in a row, after which one is taken as it was."""

BUDGET = "budget"
"""The constraint that samplers learn from."""


class Proposals:
    """The architectures of a search, place by place."""

    def __init__(
        self,
        sampler: BaseSampler,
        space: dict[str, BaseDistribution],
        *,
        objective: SearchObjective,
        in_flight: int,
        metric: QualityMetric = SHARE,
    ) -> None:
        """Propose from `space`.

        Args:
            sampler: Seeded, and not used before.
            space: What is chosen.
            objective: `macs` or `size`, weighed against quality.
            metric: Of the quality, told to the sampler so that more is better.
            in_flight: So many places lie between the last result that a proposal knows and the proposal itself.
        """
        self.in_flight = in_flight
        self._space = space
        self.objective, self._metric = objective, metric
        self._worst = None if metric.worst is None else metric.reward(metric.worst)
        self._study = optuna.create_study(sampler=sampler, directions=["maximize", "minimize"])
        self._asked: list[optuna.Trial] = []
        self._repeats: list[int | None] = []

    def known(self, records: Mapping[int, Trial]) -> dict[int, Trial]:
        """Return the records with those of the repeats that follow from them, by place."""
        results = dict(records)
        for place, original in enumerate(self._repeats):
            if original is not None and original in results:
                results[place] = _again(results[original], place)
        return results

    def advance(self, records: Mapping[int, Trial], total: int) -> None:
        """Propose for as many of the first `total` places as the records allow."""
        while (place := len(self._asked)) < total:
            told = place - self.in_flight
            if told >= 0:
                known = self.known(records)
                if told not in known:
                    return
                self._tell(self._asked[told], known[told])
            self._ask()

    def __len__(self) -> int:
        """Return how many places have a proposal."""
        return len(self._asked)

    def chosen(self, place: int) -> dict[str, Any]:
        """Return what a place tries."""
        return dict(self._asked[place].params)

    def repeats(self, place: int) -> int | None:
        """Return the earlier place whose architecture this one has again, and so whose result."""
        return self._repeats[place]

    def before(self, place: int, records: Mapping[int, Trial]) -> list[Trial]:
        """Return the results that a place may know, in their order: what it does may depend on no others."""
        known = self.known(records)
        return [known[earlier] for earlier in range(place - self.in_flight + 1)]

    def _ask(self) -> None:
        for attempt in range(MOST_REPEATS + 1):
            trial = self._study.ask(self._space)
            known = next((place for place, other in enumerate(self._asked) if other.params == trial.params), None)
            if known is None or attempt == MOST_REPEATS:
                self._asked.append(trial)
                original = self._repeats[known] if known is not None else None
                self._repeats.append(known if original is None else original)
                return
            self._study.tell(trial, state=TrialState.FAIL)

    def _tell(self, trial: optuna.Trial, record: Trial) -> None:
        if record.state in {"failed", "filtered"}:
            self._study.tell(trial, state=TrialState.FAIL)
            return
        gain = self._gain(record)
        if gain is None:
            self._study.tell(trial, state=TrialState.FAIL)
            return
        trial.set_constraint(BUDGET, record.excess)
        self._study.tell(trial, [gain, float(record.cost(self.objective))])

    def _gain(self, record: Trial) -> float | None:
        """Return the quality so that more is better; of what was not trained the worst, None where none is known."""
        if record.quality is None:
            return self._worst
        gain = self._metric.reward(record.quality)
        if self._metric.worst is None:
            self._worst = gain if self._worst is None else min(self._worst, gain)
        return gain


def _again(known: Trial, place: int) -> Trial:
    """Return the record of an architecture that was evaluated before."""
    return known.model_copy(update={"number": place, "seconds": 0.0, "reason": f"as trial {known.number}"})
