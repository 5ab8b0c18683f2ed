"""Why nothing moves in a run that is followed, said once for each reason.

    states of the run and its tasks ──► the same for a minute? ──► a part that is not well, a pause, another run,
                                                                   a pool, a person, a worker ──► one line, what to do

A task that runs moves, however long; it is no reason, unless a part of the stack is away.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from featherline.airflow_client import DAG, AirflowClient, TaskState
from featherline.places import Places
from featherline.stack import health
from featherline.stack.health import Health
from featherline.stack.record import recorded
from featherline.tasks.contracts.refusal import refuse

QUIET_S = 60
"""A run in which nothing moved for so long has a reason that a person wants to know."""
LOOK_S = 10
"""How often the parts of the stack are asked meanwhile."""
AGAIN_S = 600
"""A reason that stays is said again after this time."""
MOST_NAMED = 4
ILL = "ill: "
"""How the kind of a reason begins that is a part of the stack."""


@dataclass(frozen=True)
class Reason:
    """Why nothing moves.

    Attributes:
        kind: The same for the same reason, whatever its figures are meanwhile.
        why: For a person.
        fix: What the person can do.
    """

    kind: str
    why: str
    fix: str


@dataclass(frozen=True)
class Seen:
    """What is known of a run and its surroundings at one moment.

    Attributes:
        url: Of Airflow.
        state: Of the run.
        tasks: All of the run.
        ill: Parts of the stack that are not well.
        paused: Whether the pipeline is paused.
        others: Runs of the pipeline that are under way, this one left out.
        full_pools: Pools without a free slot, and their size.
    """

    url: str
    state: str
    tasks: Sequence[TaskState]
    ill: Sequence[Health] = ()
    paused: bool = False
    others: Sequence[str] = ()
    full_pools: tuple[tuple[str, int], ...] = ()


def reason(seen: Seen) -> Reason | None:
    """Return why nothing moves; None where something does, or what will end by itself."""
    if seen.ill:
        return _not_well(seen.ill)
    by_state: dict[str, list[str]] = {}
    for task in seen.tasks:
        by_state.setdefault(task.state, []).append(f"{task.task_id} {task.label}".strip())
    if "running" in by_state or "restarting" in by_state:
        return None
    if seen.paused:
        switch = f"unpause it with the switch at {seen.url}/dags/{DAG}"
        return Reason("paused", f"the pipeline {DAG} is paused", switch)
    return _queued(seen) if seen.state == "queued" else _waiting(seen, by_state)


def _not_well(ill: Sequence[Health]) -> Reason:
    kind = ILL + ",".join(f"{one.name} {one.state}" for one in ill)
    starting = all(one.state == "starting" for one in ill)
    return Reason(kind, "; ".join(one.told for one in ill), "wait a minute" if starting else "featherline up")


def _queued(seen: Seen) -> Reason:
    if seen.others:
        before = ", ".join(seen.others[:MOST_NAMED])
        why = f"it waits for {before}: one run is under way at a time (max_active_runs)"
        return Reason("queued", why, f"wait for its end, or end it at {seen.url}/dags/{DAG}/runs/{seen.others[0]}")
    return Reason("queued", "the scheduler has not begun the run", "featherline status tells how the scheduler does")


def _waiting(seen: Seen, by_state: dict[str, list[str]]) -> Reason | None:
    def named(state: str) -> str:
        names = by_state[state]
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        return ", ".join(names[:MOST_NAMED]) + more

    if "awaiting_input" in by_state:
        return Reason(
            "person", f"{named('awaiting_input')} waits for a person", f"answer at {seen.url}/required_actions"
        )
    if "up_for_retry" in by_state:
        why = f"{named('up_for_retry')} did not end well and is tried again after a pause"
        return Reason("up_for_retry", why, "wait; the task's log says what it met")
    if seen.full_pools and ("scheduled" in by_state or "queued" in by_state):
        pools = ", ".join(f"{name} (all {slots} slots are taken)" for name, slots in seen.full_pools)
        return Reason("pool", f"no slot is free in {pools}", f"wait, or give it more slots at {seen.url}/pools")
    stages = {
        "queued": "no worker takes",
        "scheduled": "the scheduler does not start",
        "deferred": "the triggerer does not wake",
    }
    for state, why in stages.items():
        if state in by_state:
            return Reason(state, f"{why} {named(state)}", "featherline status tells how the scheduler and workers do")
    return Reason("none", "the scheduler starts no task", "featherline status tells how the scheduler does")


class Stillness:
    """Watches a run, and says why nothing moves."""

    def __init__(
        self,
        places: Places,
        client: AirflowClient,
        run_id: str,
        say: Callable[[str], None],
    ) -> None:
        """Watch a run, and say what there is to say by `say`."""
        self._places = places
        self._client = client
        self._run_id = run_id
        self._say = say
        self._last: object = None
        self._moved = self._looked = time.monotonic()
        self._ill_before: set[str] = set()
        self._said: dict[str, float] = {}

    def look(self, state: str, tasks: Sequence[TaskState]) -> None:
        """Take what is true of the run now. Says why nothing moves, where that is so, or that a part is not well."""
        now = time.monotonic()
        signature = (state, [(task.task_id, task.map_index, task.state, task.tries) for task in tasks])
        if signature != self._last:
            self._last, self._moved = signature, now
            self._said = {kind: at for kind, at in self._said.items() if kind.startswith(ILL)}
        if now - self._looked < LOOK_S:
            return
        self._looked = now
        ill = self._ill()
        lasting = [one for one in ill if one.name in self._ill_before]
        self._ill_before = {one.name for one in ill}
        if not ill:
            self._said = {kind: at for kind, at in self._said.items() if not kind.startswith(ILL)}
        quiet = now - self._moved >= QUIET_S
        if not quiet and not lasting:
            return
        answer = reason(Seen(self._client.url, state, tasks, lasting) if lasting else self._seen(state, tasks))
        if answer is not None:
            self._tell(answer)

    def away(self) -> None:
        """Say why Airflow does not answer.

        Raises:
            Refused: The stack was ended.
        """
        stack = recorded(self._places)
        if stack is None:
            raise refuse(
                "the run is no longer followed",
                expected="a stack that is up",
                got="featherline down, or another command that ended it",
                fix="featherline up: the run goes on where it was; featherline status tells how it ends",
            )
        ill = self._ill()
        if ill:
            self._tell(_not_well(ill))

    def store_is_well(self) -> bool:
        """Return whether the store answers: progress is shown without it, and nobody has to wait for it."""
        stack = recorded(self._places)
        return stack is not None and health.of(self._places, stack, "s3").is_well

    def _ill(self) -> list[Health]:
        stack = recorded(self._places)
        return [one for one in health.check(self._places, stack) if not one.is_well] if stack else []

    def _seen(self, state: str, tasks: Sequence[TaskState]) -> Seen:
        active = self._client.runs(20, "running")
        return Seen(
            self._client.url,
            state,
            tasks,
            paused=self._client.is_paused(),
            others=[run["dag_run_id"] for run in active if run["dag_run_id"] != self._run_id],
            full_pools=tuple(self._client.full_pools().items()),
        )

    def _tell(self, found: Reason) -> None:
        now = time.monotonic()
        if now - self._said.get(found.kind, now - AGAIN_S) < AGAIN_S:
            return
        self._said[found.kind] = now
        still = now - self._moved
        since = f"nothing has moved for {still:.0f} s: " if still >= LOOK_S else ""
        self._say(f"{since}{found.why}; fix: {found.fix}")
