"""What Airflow must know of each step before it can run one: a row a step, and no other table.

    STEPS[step] ──► limits (memory, cores, disk, GPU), factory (retries, timeout), images, keys, what may be empty

All else that is known of a step stands in its contract (`tasks/contracts/steps/STEP.py`): its secrets, what it reads
outside its inputs, whether it has effects.

The resources fit examples of some tens of kilobytes, as in the recipes of this repository; larger data needs more,
which the deployment says without a change of code (`featherline.airflow.limits`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple


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


class Tries(NamedTuple):
    """How often a step that crashed is tried again, and how long one try may take.

    A try that ends by its timeout is a crash: a training goes on from its last epoch.
    """

    retries: int
    timeout: timedelta


@dataclass(frozen=True)
class Step:
    """A row of the table.

    Attributes:
        resources: At its first try.
        tries: Of crashes.
        tensorflow: Whether it builds, trains or converts a model.
        makes_keys: Whether it makes the keys of other steps, which hold the versions of their libraries. What neither
            needs TensorFlow nor makes keys runs in the image without it.
        reads_recipes: Whether it is given the folder of recipes.
        verifies: Whether it is given the public key that releases are verified with.
        may_give_none: Whether an empty list says that nothing more is to be done: what is mapped over it is skipped.
    """

    resources: Resources
    tries: Tries
    tensorflow: bool = False
    makes_keys: bool = False
    reads_recipes: bool = False
    verifies: bool = False
    may_give_none: bool = False


LIGHT = Resources(1024, 1, 1)
READING = Resources(2048, 1, 20)
MEASURING = Resources(3072, 1, 4)
TRAINING = Resources(6144, 2, 10, gpu=True)
BUILDING = TRAINING._replace(cpus=1, gpu=False)
CONVERTING = TRAINING._replace(gpu=False)

INPUT_OUTPUT = Tries(2, timedelta(minutes=30))
LOADING = Tries(2, timedelta(hours=6))
JUDGING = Tries(1, timedelta(minutes=30))
HOURS = Tries(1, timedelta(hours=3))
A_DAY = Tries(1, timedelta(hours=24))

STEPS = {
    "resolve": Step(LIGHT, INPUT_OUTPUT, makes_keys=True, reads_recipes=True),
    "preprocess": Step(READING._replace(cpus=2), LOADING),
    "validate_data": Step(READING, JUDGING),
    "dry_run": Step(BUILDING, HOURS, tensorflow=True),  # beside the training
    "train": Step(TRAINING, A_DAY, tensorflow=True),
    "validate_model": Step(LIGHT, JUDGING),
    "search": Step(TRAINING, A_DAY, tensorflow=True),
    "choose": Step(LIGHT, JUDGING),
    "plan": Step(MEASURING, JUDGING),
    "propose": Step(LIGHT, JUDGING, may_give_none=True),
    "prune": Step(TRAINING, A_DAY, tensorflow=True),
    "distill": Step(TRAINING, A_DAY, tensorflow=True),
    "trim": Step(TRAINING, A_DAY, tensorflow=True),
    "quantize": Step(TRAINING, A_DAY, tensorflow=True),
    "export": Step(CONVERTING, A_DAY, tensorflow=True),  # its fallback ladder may train
    "evaluate": Step(MEASURING, HOURS),
    "validate_metrics": Step(LIGHT, JUDGING),
    "select": Step(LIGHT, JUDGING),
    "report": Step(READING, INPUT_OUTPUT),
    "publish": Step(LIGHT, INPUT_OUTPUT),
    "register": Step(LIGHT, INPUT_OUTPUT),
    "promote": Step(LIGHT, INPUT_OUTPUT, verifies=True),
}
"""In the order of the pipeline."""
