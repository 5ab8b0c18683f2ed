"""What a step may use where it runs in a container or a pod: memory, cores, disk, and whether a GPU helps it.

    RESOURCES[step] ──► [featherline] resources: {"train": {"memory_mib": 16384}} ──► second try: memory x 2

The table fits images of some tens of kilobytes, such as the recipes of this repository; larger data needs more, which
the deployment says without a change of code. A child process is not limited: it shares the worker's machine.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from featherline.airflow import deployment
from featherline.tasks.contracts.refusal import did_you_mean, refuse


class Resources(NamedTuple):
    """The most that a step may use."""

    memory_mib: int
    """Beyond it the kernel kills the step, which is exit code 137."""
    cpus: float
    """What the scheduler reserves, and how many threads TensorFlow starts."""
    disk_gib: int
    """Of temporary files: the store has everything else."""
    gpu: bool = False
    """Whether it takes a GPU where the deployment has some."""


DECIDING = Resources(1024, 1, 1)
READING = Resources(2048, 1, 20)
MEASURING = Resources(3072, 1, 4)
TRAINING = Resources(6144, 2, 10, gpu=True)

RESOURCES = {
    "resolve": DECIDING,
    "preprocess": READING,
    "validate_data": READING,
    "dry_run": TRAINING._replace(cpus=1, gpu=False),  # it builds and converts, beside the training
    "train": TRAINING,
    "validate_model": DECIDING,
    "search": TRAINING,
    "choose": DECIDING,
    "plan": MEASURING,
    "propose": DECIDING,
    "prune": TRAINING,
    "distill": TRAINING,
    "trim": TRAINING,
    "quantize": TRAINING,
    "export": TRAINING._replace(gpu=False),  # its ladder may train
    "evaluate": MEASURING,
    "validate_metrics": DECIDING,
    "select": DECIDING,
    "report": READING,
    "publish": DECIDING,
    "register": DECIDING,
    "promote": DECIDING,
}
"""What each step may use at its first try."""

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
    found = RESOURCES[step]._replace(**_configured().get(step, {}))
    return found._replace(memory_mib=found.memory_mib * MORE_MEMORY) if try_number > 1 else found


def _configured() -> dict[str, dict[str, Any]]:
    text = deployment.option("resources", "{}")
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not (isinstance(found, dict) and all(isinstance(one, dict) for one in found.values())):
        raise refuse(
            "the limits of the steps cannot be read",
            expected='[featherline] resources: JSON such as {"train": {"memory_mib": 16384}}',
            got=text,
            fix="correct the option",
        )
    for step, one in found.items():
        _check(step, step, tuple(RESOURCES))
        for name, value in one.items():
            _check(f"{step}.{name}", name, Resources._fields)
            if isinstance(value, bool) is not (name == "gpu") or not isinstance(value, int | float) or value < 0:
                raise refuse(
                    f"the limits of the steps cannot take {step}.{name}",
                    expected="true or false" if name == "gpu" else "a number from 0",
                    got=json.dumps(value),
                    fix="correct [featherline] resources",
                )
    return found


def _check(place: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise refuse(
            f"the limits of the steps have no {place}",
            expected=f"[featherline] resources: {', '.join(known)}",
            got=name,
            fix=did_you_mean(name, known),
        )
