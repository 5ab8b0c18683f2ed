"""The whole embedded stack: up and down.

    up ──► SeaweedFS + MLflow + Airflow, at once ──► each answers ──► var/stack.json, var/ports.json
    up with workers ──► PostgreSQL, Redis ──► the same ──► Celery workers
    up again ──► each part is asked ──► what is dead comes back
    down ──► asked (INT), asked again (TERM), killed (KILL) ──► nothing left, var/stack.json gone, var/ports.json kept

What runs is found by process id and start time and by a mark that children inherit, so that `down` also cleans up after
a crash of anything, and never touches a process of anybody else.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

from featherline.places import Places
from featherline.stack import containers, health, launch, many_workers, mend, processes
from featherline.stack.half_made import mark_made
from featherline.stack.kept_ports import Kept, choose_ports
from featherline.stack.private import close_var
from featherline.stack.record import RECORDS, SERVERS, Runtime, Stack, recorded
from featherline.stack.secrets import secrets_in
from featherline.stack.turns import alone
from featherline.tasks.contracts.refusal import refuse

ASK_S, ASK_AGAIN_S, KILL_S = 2.0, 0.5, 5.0
"""How long each way of ending the stack may take."""


def up(
    places: Places, say: Callable[[str], None], *, runtime: Runtime | None = None, workers: int | None = None
) -> tuple[Stack, bool]:
    """Start the stack, unless it runs. Of a stack that runs in part, what is dead is brought back.

    Args:
        places: Of the stack.
        say: Takes a line for the person who waits.
        runtime: How steps run. Where absent, as in the stack that runs, or as processes.
        workers: How many Celery workers run the tasks. Where absent, as many as the stack has that runs, or none; where
            0, none.

    Returns:
        The stack, and whether it was started now.

    Raises:
        Refused: A server ended or did not answer in time; a stack that was started now leaves nothing running then. The
            stack runs otherwise than asked. No engine has the images that containers need.
    """
    with alone(places, say):
        stack = recorded(places)
        if stack and _runs_in_part(stack):
            _check_is_what_was_asked(stack, runtime, workers)
            if not (taken := mend.taken_ports(places, stack)):
                return mend.mend(places, stack, say), False
            say(f"stack: port {taken[0]} of a part that died is somebody else's now, so all of it is started anew")
        if stack or leftovers(places):
            say("stack: ending what an earlier one has left behind")
            _end(places)
        try:
            return _start(places, say, runtime or "process", workers or 0), True
        except BaseException:
            _end(places)
            raise


def down(places: Places, say: Callable[[str], None] = print) -> bool:
    """End the stack and everything that it started. Returns whether there was anything to end."""
    with alone(places, say):
        return _end(places)


def leftovers(places: Places) -> list[int]:
    """Return the ids of all live processes of this stack."""
    return launch.own_processes(places, recorded(places))


def _runs_in_part(stack: Stack) -> bool:
    """Return whether something of a stack lives, and all of it is known: another version may have started it."""
    known = launch.names(stack)
    return all(server.name in known for server in stack.servers) and any(one.is_alive() for one in stack.servers)


def _check_is_what_was_asked(stack: Stack, runtime: Runtime | None, workers: int | None) -> None:
    if runtime not in {None, stack.runtime}:
        raise refuse(
            "the stack is up already",
            expected=f"steps as {runtime}",
            got=stack.runtime,
            fix=f"make down, then up again with --runtime {runtime}",
        )
    if workers not in {None, stack.workers}:
        raise refuse(
            "the stack is up already",
            expected=f"{workers} workers",
            got=f"{stack.workers}: Airflow's records lie elsewhere with workers than without",
            fix="make down, then up again with the number that you want",
        )


def _start(places: Places, say: Callable[[str], None], runtime: Runtime, workers: int) -> Stack:
    started = time.monotonic()
    secrets_in(places.secrets)
    kept = choose_ports(places, say, with_workers=bool(workers))
    stack = _described(kept, runtime, workers)
    processes.listen_to_interrupts()
    launch.airflow_environment(places, stack)  # what is wrong with it shows before anything is started
    if stack.many:
        for name in RECORDS:
            stack = launch.launch(places, stack, name)
        say(f"stack: PostgreSQL and Redis answer, {time.monotonic() - started:.1f} s")
    migrated = launch.migrate(places, stack)
    stack = launch.launch(places, stack, "mlflow")
    stack = launch.launch(places, stack, "s3")
    say(f"stack: S3 answers, {time.monotonic() - started:.1f} s")
    migrated()
    for name in launch.names(stack):
        if name not in {*RECORDS, "mlflow", "s3"} and not many_workers.is_worker(name):
            stack = launch.launch(places, stack, name)
    _wait_until_well(places, stack, ("mlflow",))
    mark_made(places.var / "mlflow")
    say(f"stack: MLflow answers, {time.monotonic() - started:.1f} s")
    _wait_until_well(places, stack, SERVERS)
    say(f"stack: Airflow answers, {time.monotonic() - started:.1f} s")
    for name in stack.lost_workers():
        stack = launch.launch(places, stack, name)
    close_var(places)  # some programs give a file a mode of its own
    return stack


def _described(kept: Kept, runtime: Runtime, workers: int) -> Stack:
    many = many_workers.Ports(postgres=kept.postgres or 0, redis=kept.redis or 0) if workers else None
    return Stack(
        servers=(),
        s3_port=kept.s3,
        mlflow_port=kept.mlflow,
        airflow_port=kept.airflow,
        runtime=runtime,
        workers=workers,
        many=many,
    )


def _wait_until_well(places: Places, stack: Stack, names: tuple[str, ...]) -> None:
    for name in names:
        if name != "triggerer":  # nothing waits for it, and it comes last
            launch.wait(places, name, lambda name=name: health.of(places, stack, name).is_well)  # type: ignore[misc]


def _end(places: Places) -> bool:
    stack = recorded(places)
    left = leftovers(places)
    processes.send([pid for pid in left if processes.is_stopped(pid)], signal.SIGCONT)  # else they cannot end politely
    asked = [one for one in stack.servers if one.name not in RECORDS] if stack else []  # those are still written into
    leaders = [server.pid for server in asked if server.is_alive()]
    if leaders:
        processes.send(leaders, signal.SIGINT)
        processes.wait_for_end(left, ASK_S)
        left = leftovers(places)
    for number, seconds in ((signal.SIGTERM, ASK_AGAIN_S), (signal.SIGKILL, KILL_S)):
        while left:
            processes.send(left, number)
            done = processes.wait_for_end(left, seconds)
            left = leftovers(places)  # one of them may have started another meanwhile
            if not done:
                break
    places.state.unlink(missing_ok=True)
    close_var(places)
    if stack is not None and stack.runtime == "docker":
        containers.remove(places)
    return stack is not None
