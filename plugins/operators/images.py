"""Which image a step runs in.

[featherline] image         holds TensorFlow: any step can run in it
[featherline] image_core    lighter by 2 GB: for the steps that need none of it; the other one where it is not set
"""

from __future__ import annotations

import re

from featherline.airflow import deployment
from featherline.airflow.steps import STEPS
from featherline.tasks.contracts.refusal import refuse


def image_of(step: str) -> str:
    """Return the reference of a step's image; empty where the deployment names none."""
    full = STEPS[step].tensorflow or STEPS[step].makes_keys
    core = "" if full else deployment.option("image_core")
    return core or deployment.option("image")


def check_pinned(step: str, image: str) -> None:
    """Refuse a reference that may name another image tomorrow.

    Raises:
        Refused: It has neither a digest nor a tag other than `latest`.
    """
    name, _, digest = image.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    if re.fullmatch(r"sha256:[0-9a-f]{64}", digest) or (not digest and tag not in {"", "latest"}):
        return
    raise refuse(
        f"{step} has no image that stays what it is",
        expected="[featherline] image, image_core: NAME@sha256:DIGEST, or NAME:TAG with a tag other than latest",
        got=image or "nothing",
        fix="make images, and set the names that it prints",
    )
