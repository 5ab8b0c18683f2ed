"""A worker of a search: it evaluates what no other worker has, until every place has its result.

    proposals ──► the first place that nobody has ──► claim ──► [evaluate] ──► recorded ──► … ──► all recorded

Workers share claims and records through a study's storage; what is tried is none of their making (`proposals`). A
worker beats beside its claim. Who sees another's claim without a beat for a while gives it up, so that a dead worker
costs its place some time, and nothing else.
"""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from featherline.tasks.compression.search.proposals import Proposals
from featherline.tasks.compression.search.space import trial_line
from featherline.tasks.contracts.quality import SHARE, QualityMetric
from featherline.tasks.contracts.trials import Trial

BEAT_SECONDS = 5.0
STALE_SECONDS = 60.0
"""Without a beat for this long a claim's worker counts as dead."""

POLL_SECONDS = 1.0

PLACE, RECORD, OWNER, BEAT = "place", "record", "owner", "beat"
"""What a claim says: which place of the search, what came of it, whose it is, and that its worker lives."""

Evaluate = Callable[[int, dict[str, Any], Sequence[Trial]], Trial]
"""From a place, what it tries, and the earlier results that it may know, to its own result."""


@dataclass
class SearchWorker:
    """One worker of a search.

    Attributes:
        study: Shared; each of its trials is a claim.
        proposals: What each place tries.
        owner: Of this worker; a retry of the same task has the same and takes up what it left.
        total: Places of the whole search.
        metric: Of the quality of its trials.
        stale_seconds: Without a beat for this long a claim is given up.
        waited_seconds: So long this worker waited for results of others, without which nothing could be proposed.
        left_seconds: So long it waited for the last results of others, when nothing was left to begin.
    """

    study: optuna.Study
    proposals: Proposals
    owner: str
    total: int
    metric: QualityMetric = SHARE
    stale_seconds: float = STALE_SECONDS
    waited_seconds: float = 0.0
    left_seconds: float = 0.0
    _beats: dict[int, tuple[Any, float]] = field(default_factory=dict)

    def work(self, evaluate: Evaluate) -> None:
        """Evaluate until every place has its result."""
        self._give_up(claim for claim in self._running() if claim.user_attrs.get(OWNER) == self.owner)
        while len(self.records()) < self.total:
            self._give_up(self._stale())
            place = self._free()
            claim = None if place is None else self._claim(place)
            if place is None or claim is None:
                if place is None:
                    self._wait()
                continue
            with self._beating(claim):
                known = self.proposals.before(place, self._recorded())
                self._record(claim, evaluate(place, self.proposals.chosen(place), known))

    def _wait(self) -> None:
        began = time.monotonic()
        time.sleep(POLL_SECONDS)
        waited = time.monotonic() - began
        if len(self.proposals) < self.total:
            self.waited_seconds += waited
        else:
            self.left_seconds += waited

    def records(self) -> list[Trial]:
        """Return the results that are there, by place."""
        recorded = self._recorded()
        self.proposals.advance(recorded, self.total)
        known = self.proposals.known(recorded)
        return [known[place] for place in sorted(known) if place < self.total]

    def _recorded(self) -> dict[int, Trial]:
        """Return the results of the evaluated places."""
        records: dict[int, Trial] = {}
        for claim in self.study.get_trials(deepcopy=False):
            if RECORD in claim.user_attrs and claim.state.is_finished():
                record = Trial.model_validate(claim.user_attrs[RECORD])
                records.setdefault(record.number, record)
        return records

    def _free(self) -> int | None:
        """Return the first place that can be evaluated and that nobody has."""
        recorded = self._recorded()
        self.proposals.advance(recorded, self.total)
        taken = {claim.user_attrs.get(PLACE) for claim in self._running()} | set(recorded)
        places = range(min(len(self.proposals), self.total))
        return next((place for place in places if place not in taken and self.proposals.repeats(place) is None), None)

    def _claim(self, place: int) -> optuna.Trial | None:
        """Claim a place; of several claims at once the first one holds."""
        attributes = {PLACE: place, OWNER: self.owner}
        self.study.add_trial(optuna.trial.create_trial(state=TrialState.RUNNING, user_attrs=attributes))
        claims = [one for one in self.study.get_trials(deepcopy=False) if one.user_attrs.get(PLACE) == place]
        mine = max(claim.number for claim in claims if claim.user_attrs[OWNER] == self.owner)
        for claim in claims:
            if claim.number < mine and (claim.state == TrialState.RUNNING or RECORD in claim.user_attrs):
                self.study.tell(mine, state=TrialState.FAIL, skip_if_finished=True)
                return None
        (frozen,) = (claim for claim in claims if claim.number == mine)
        return optuna.Trial(self.study, frozen._trial_id)  # noqa: SLF001 - add_trial gives nothing back

    def _record(self, claim: optuna.Trial, record: Trial) -> None:
        try:
            claim.set_user_attr(RECORD, record.model_dump(mode="json"))
        except UpdateFinishedTrialError:
            print(f"trial {record.number} was given up by another worker meanwhile: its result is not used")
            return
        # The values are for people who look at the study; proposals are told by the record.
        metric = self.metric
        worst = -sys.float_info.max if metric.worst is None else metric.reward(metric.worst)
        gain = worst if record.quality is None else metric.reward(record.quality)
        values = [gain, float(record.cost(self.proposals.objective))]
        self.study.tell(claim, values, skip_if_finished=True)
        print(f"trial {record.number}, {len(self.records())} of {self.total}: {trial_line(record, self.metric)}")

    def _running(self) -> list[FrozenTrial]:
        return list(self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)))

    def _stale(self) -> Iterator[FrozenTrial]:
        """Yield the claims whose beat this worker has not seen change for a while, by its own clock."""
        now = time.monotonic()
        for claim in self._running():
            beat = claim.user_attrs.get(BEAT)
            seen, since = self._beats.get(claim.number, (None, now))
            if claim.number not in self._beats or beat != seen:
                self._beats[claim.number] = (beat, now)
            elif now - since > self.stale_seconds:
                yield claim

    def _give_up(self, claims: Iterable[FrozenTrial]) -> None:
        for claim in claims:
            owner, place = claim.user_attrs.get(OWNER, "its worker"), claim.user_attrs.get(PLACE)
            print(f"trial {place} was left by {owner}: it is evaluated again")
            self.study.tell(claim.number, state=TrialState.FAIL, skip_if_finished=True)

    @contextmanager
    def _beating(self, claim: optuna.Trial) -> Iterator[None]:
        stop = threading.Event()

        def beat() -> None:
            for count in itertools.count():
                try:
                    claim.set_user_attr(BEAT, count)
                except UpdateFinishedTrialError:
                    return
                if stop.wait(BEAT_SECONDS):
                    return

        thread = threading.Thread(target=beat, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
