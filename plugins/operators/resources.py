"""What each step needs of a container: its image, memory and processors, in one table.

    core    no TensorFlow: a step that reads, judges, measures or releases
    train   TensorFlow, tf-keras, TFMOT, litert-quantizer: a step that builds, trains or converts a model

The memory is what the largest of the worked recipes takes, with room to spare. A deployment with larger models says so:
`[featherline] memory_gib = train=24, export=8`. A step that ran out of memory gets twice as much on its next try.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from plugins import deployment
from tasks.contracts.refusal import did_you_mean, refuse

GIB = 2**30


class Resources(NamedTuple):
    """Of one try of a step."""

    image: Literal["core", "train"]
    memory_gib: float
    processors: float
    """At most; an engine with fewer gives what it has."""


SMALL = Resources("core", 2, 1)
DATA = Resources("core", 4, 2)
MEASURING = Resources("core", 4, 2)
TRAINING = Resources("train", 8, 16)
CONVERTING = Resources("train", 6, 4)

RESOURCES = {
    "resolve": SMALL,
    "preprocess": DATA,
    "validate_data": DATA,
    "train": TRAINING,
    "validate_model": SMALL,
    "search": TRAINING,
    "choose": SMALL,
    "plan": SMALL,
    "prune": TRAINING,
    "distill": TRAINING,
    "quantize": TRAINING,
    "export": CONVERTING,
    "evaluate": MEASURING,
    "validate_metrics": DATA,
    "select": SMALL,
    "report": DATA,
    "publish": SMALL,
    "register": SMALL,
    "promote": SMALL,
}


def resources(step: str) -> Resources:
    """Return what a step gets, with the deployment's own memory where it names one.

    Raises:
        Refused: `[featherline] memory_gib` cannot be read, or names no step.
    """
    found = RESOURCES[step]
    return found._replace(memory_gib=_own_memory().get(step, found.memory_gib))


def _own_memory() -> dict[str, float]:
    own = {}
    for word in filter(None, (word.strip() for word in deployment.option("memory_gib").split(","))):
        name, _, text = (part.strip() for part in word.partition("="))
        try:
            own[name] = float(text)
        except ValueError:
            own[name] = -1
        if name not in RESOURCES or not own[name] > 0:
            raise refuse(
                "the deployment's memory cannot be read",
                expected="[featherline] memory_gib: STEP=GIB, separated by commas",
                got=word,
                fix=did_you_mean(name, RESOURCES) if name not in RESOURCES else "write it like train=24",
            )
    return own
