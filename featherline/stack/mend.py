"""Brings back what of a running stack is dead, and leaves the rest alone.

    health ──► stopped: continued ──► unresponsive: waited for, then ended ──► dead: its rest is ended, started again

A dead server's port is kept, so that nobody who knows it has to be told. What one took down with it shows only when it
is back, so the health is asked again until all is well.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence

from featherline.places import Places
from featherline.stack import health, launch, ports, processes
from featherline.stack.health import Health
from featherline.stack.record import Stack
from featherline.tasks.contracts.refusal import refuse

ROUNDS = 4
PATIENCE_S = 20
"""For a server that does not answer: a busy machine may make it late."""
ENDS_S = 2.0


def mend(places: Places, stack: Stack, say: Callable[[str], None]) -> Stack:
    """Bring back what is not well, and wait until all is. Returns the stack as it is then.

    Raises:
        Refused: A server does not start again, or dies again and again.
    """
    for _ in range(ROUNDS):
        found = health.check(places, stack)
        if all(one.is_well for one in found):
            return stack
        for one in found:
            if not one.is_well:
                say(f"stack: {one.told}")
        stack = _bring_back(places, stack, [one for one in found if not one.is_well])
        _wait_until_started(places, stack)
    ill = [one for one in health.check(places, stack) if not one.is_well]
    if not ill:
        return stack
    raise refuse(
        "the stack does not come back",
        expected="every part to be well again",
        got="; ".join(one.told for one in ill),
        fix=f"see {', '.join(str(places.log(one.name)) for one in ill)}, then featherline down and featherline up",
    )


def taken_ports(places: Places, stack: Stack) -> list[int]:
    """End what dead servers have left, and return those of their ports that somebody else has taken meanwhile."""
    dead = [server.name for server in stack.servers if not server.is_alive()]
    for name in dead:
        _end(places, stack, name)
    return [port for name in dead for port in launch.ports_of(stack, name) if not ports.is_free(port)]


def _bring_back(places: Places, stack: Stack, ill: Sequence[Health]) -> Stack:
    ours = launch.own_processes(places, stack)
    processes.send([pid for pid in ours if processes.is_stopped(pid)], signal.SIGCONT)
    for one in ill:
        if one.state == "dead" or (one.state == "unresponsive" and not _answers_late(places, stack, one.name)):
            _end(places, stack, one.name)
            stack = launch.launch(places, stack, one.name)
    return stack


def _answers_late(places: Places, stack: Stack, name: str) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        time.sleep(1)
        if health.of(places, stack, name).is_well:
            return True
    return False


def _end(places: Places, stack: Stack, name: str) -> None:
    """End a server and what it has started: of a dead one, children hold its port and its tasks."""
    server = next((one for one in stack.servers if one.name == name), None)
    if server is None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        left = processes.members(server, launch.own_processes(places, stack))
        processes.send(left, number)
        if not left or processes.wait_for_end(left, ENDS_S):
            return


def _wait_until_started(places: Places, stack: Stack) -> None:
    """Wait while a part is only starting."""
    deadline = time.monotonic() + launch.START_LIMIT_S
    while time.monotonic() < deadline:
        if not any(one.state == "starting" for one in health.check(places, stack)):
            return
        time.sleep(0.5)
