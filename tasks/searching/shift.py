"""A worker's shift: trials are asked of the shared study until it has all of them, whatever becomes of other workers.

    ask ──► known already? ──► [evaluate] ──► told ──► … ──► all told, also by the others

A worker beats beside its trial. Who sees another's trial without a beat for a while tells it failed and enqueues its
architecture again, so a dead worker costs its trial some time, and nothing else.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from tasks.contracts.trials import Trial
from tasks.searching.space import trial_line

BEAT_SECONDS = 5.0
STALE_SECONDS = 60.0
"""Without a beat for this long a trial's worker counts as dead."""

POLL_SECONDS = 1.0
MOST_REPEATS = 20
"""Proposals of known architectures in a row, after which one is taken as it was."""

RECORD, OWNER, BEAT = "record", "owner", "beat"

Evaluate = Callable[[optuna.Trial, dict[str, Any]], tuple[Trial, tuple[float, float] | None]]
"""From a trial and what it chose to its record and (accuracy, cost); no values where it failed."""


@dataclass
class Shift:
    """One worker at one study.

    Attributes:
        study: Shared.
        space: What is asked for.
        owner: Of this worker; a retry of the same task has the same and takes up what it left.
        total: Trials of the whole study.
        stale_seconds: Without a beat for this long a trial is given up.
    """

    study: optuna.Study
    space: dict[str, BaseDistribution]
    owner: str
    total: int
    stale_seconds: float = STALE_SECONDS
    _beats: dict[int, tuple[Any, float]] = field(default_factory=dict)

    def work(self, evaluate: Evaluate) -> None:
        """Evaluate trials until the study has all of them."""
        self._give_up(trial for trial in self._running() if trial.user_attrs.get(OWNER) == self.owner)
        repeats = 0
        while len(done := self.records()) < self.total:
            self._give_up(self._stale())
            if len(done) + len(self._running()) >= self.total:
                time.sleep(POLL_SECONDS)
                continue
            trial = self.study.ask(self.space)
            trial.set_user_attr(OWNER, self.owner)
            if self._before(trial.number) >= self.total:
                self.study.tell(trial, state=TrialState.FAIL)
                continue
            known = self._known(trial)
            if known is not None and repeats < MOST_REPEATS:
                repeats += 1
                self.study.tell(trial, state=TrialState.FAIL)
                continue
            repeats = 0
            with self._beating(trial):
                if known is not None and RECORD in known.user_attrs:
                    self._tell(trial, _again(known, trial.number), known.values)
                else:
                    self._tell(trial, *evaluate(trial, trial.params))

    def records(self) -> list[Trial]:
        """Return the first `total` trials that were told, by number."""
        told = [trial for trial in self.study.get_trials(deepcopy=False) if RECORD in trial.user_attrs]
        finished = [Trial.model_validate(trial.user_attrs[RECORD]) for trial in told if trial.state.is_finished()]
        return sorted(finished, key=lambda trial: trial.number)[: self.total]

    def _tell(self, trial: optuna.Trial, record: Trial, values: list[float] | tuple[float, float] | None) -> None:
        try:
            trial.set_user_attr(RECORD, record.model_dump(mode="json"))
        except UpdateFinishedTrialError:
            print(f"trial {trial.number} was given up by another worker meanwhile: its result is not used")
            return
        if values is None:
            self.study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
        else:
            self.study.tell(trial, list(values), skip_if_finished=True)
        print(f"trial {record.number}, {len(self.records())} of {self.total}: {trial_line(record)}")

    def _running(self) -> list[FrozenTrial]:
        return list(self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)))

    def _before(self, number: int) -> int:
        """Count the trials before this one that are told or being evaluated."""
        trials = self.study.get_trials(deepcopy=False)[:number]
        return sum(RECORD in trial.user_attrs or trial.state == TrialState.RUNNING for trial in trials)

    def _known(self, trial: optuna.Trial) -> FrozenTrial | None:
        """Return an earlier trial of the same architecture, told or being evaluated."""
        for other in self.study.get_trials(deepcopy=False)[: trial.number]:
            counts = RECORD in other.user_attrs or other.state == TrialState.RUNNING
            if counts and other.params == trial.params:
                return other
        return None

    def _stale(self) -> Iterator[FrozenTrial]:
        """Yield the running trials whose beat this worker has not seen change for a while, by its own clock."""
        now = time.monotonic()
        for trial in self._running():
            beat = trial.user_attrs.get(BEAT)
            seen, since = self._beats.get(trial.number, (None, now))
            if trial.number not in self._beats or beat != seen:
                self._beats[trial.number] = (beat, now)
            elif now - since > self.stale_seconds:
                yield trial

    def _give_up(self, trials: Iterator[FrozenTrial]) -> None:
        for trial in trials:
            print(f"trial {trial.number} was left by {trial.user_attrs.get(OWNER, 'its worker')}: enqueued again")
            told = self.study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
            if told.state == TrialState.FAIL and trial.params and RECORD not in told.user_attrs:
                self.study.enqueue_trial(trial.params)

    @contextmanager
    def _beating(self, trial: optuna.Trial) -> Iterator[None]:
        stop = threading.Event()

        def beat() -> None:
            for count in itertools.count():
                try:
                    trial.set_user_attr(BEAT, count)
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


def _again(known: FrozenTrial, number: int) -> Trial:
    """Return the record of an architecture that was evaluated before."""
    record = Trial.model_validate(known.user_attrs[RECORD])
    return record.model_copy(update={"number": number, "seconds": 0.0, "reason": f"as trial {known.number}"})
