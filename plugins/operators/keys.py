"""Which steps see a key, and which: all others, and all that they import, never do.

[featherline] signing_key, verify_key ──► a file of the container, or an item of the pod's Secret ──► FEATHERLINE_…_KEY
"""

from __future__ import annotations

from typing import NamedTuple

from featherline.airflow.steps import STEPS
from featherline.tasks.contracts.request import Variable
from featherline.tasks.contracts.secrecy import needs_of
from featherline.tasks.contracts.secrets import Secret


class Key(NamedTuple):
    """A key that a step is given.

    Attributes:
        variable: Names its path.
        file: What it is called there.
    """

    variable: Variable
    file: str


SIGNING = Key(Variable.SIGNING_KEY, "signing_key.pem")
VERIFYING = Key(Variable.VERIFY_KEY, "verify_key.pem")


def key_of(step: str) -> Key | None:
    """Return the key of a step; None of most."""
    if Secret.SIGNING_KEY in needs_of(step):
        return SIGNING
    return VERIFYING if STEPS[step].verifies else None
