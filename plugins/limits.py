"""What a step may use where it runs in a container or a pod: memory, cores, disk, and whether a GPU helps it.

    STEPS[step].resources ──► [featherline] resources: {"train": {"memory_mib": 16384}} ──► second try: memory x 2

A child process is not limited, for it shares the worker's machine, but for its threads: how a sum is split among them
decides its last digits, and so which model is trained. Every runtime starts as many, whatever cores the machine has.
"""

from __future__ import annotations

import json
from typing import Any

from featherline.airflow import deployment
from featherline.airflow.steps import STEPS, Resources
from featherline.tasks.contracts.refusal import did_you_mean, refuse

MORE_MEMORY = 2
"""A step that is tried again gets this many times the memory: it may have been killed for want of it."""


def resources(step: str, try_number: int = 1) -> Resources:
    """Return what a step may use, as the table and the deployment say.

    Args:
        step: The file of `tasks/`.
        try_number: From 1; from the second on there is more memory.

    Raises:
        Refused: `[featherline] resources` is no JSON object of steps, or names a step or a resource that is none.
    """
    first = STEPS[step].resources._replace(**_configured().get(step, {}))
    return first._replace(memory_mib=first.memory_mib * MORE_MEMORY) if try_number > 1 else first


def threads(limits: Resources) -> dict[str, str]:
    """Return the variables that say how many threads a step computes with.

    Without them it would be one for each core of the machine, which then wait for each other.
    """
    count = str(max(1, round(limits.cpus)))
    return {"OMP_NUM_THREADS": count, "TF_NUM_INTRAOP_THREADS": count}


def _configured() -> dict[str, dict[str, Any]]:
    text = deployment.option("resources", "{}")
    try:
        configured = json.loads(text)
    except ValueError:
        configured = None
    if not (isinstance(configured, dict) and all(isinstance(one, dict) for one in configured.values())):
        raise refuse(
            "the limits of the steps cannot be read",
            expected='[featherline] resources: JSON such as {"train": {"memory_mib": 16384}}',
            got=text,
            fix="correct the option",
        )
    for step, one in configured.items():
        _check(step, step, tuple(STEPS))
        for name, value in one.items():
            _check(f"{step}.{name}", name, Resources._fields)
            if isinstance(value, bool) is not (name == "gpu") or not isinstance(value, int | float) or value < 0:
                raise refuse(
                    f"the limits of the steps cannot take {step}.{name}",
                    expected="true or false" if name == "gpu" else "a number from 0",
                    got=json.dumps(value),
                    fix="correct [featherline] resources",
                )
    return configured


def _check(place: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise refuse(
            f"the limits of the steps have no {place}",
            expected=f"[featherline] resources: {', '.join(known)}",
            got=name,
            fix=did_you_mean(name, known),
        )
