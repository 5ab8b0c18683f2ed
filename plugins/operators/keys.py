"""Which steps see a key, and which: all others, and all that they import, never do.

[featherline] signing_key, verify_key ──► a file of the container, or an item of the pod's Secret ──► FEATHERLINE_…_KEY
"""

from __future__ import annotations

from featherline.tasks.contracts.request import Variable
from featherline.tasks.contracts.secrecy import NEEDS, Secret

SIGNS = (Variable.SIGNING_KEY, "signing_key.pem")
KEY_OF_STEP = {step: SIGNS for step, needs in NEEDS.items() if Secret.SIGNING_KEY in needs} | {
    "promote": (Variable.VERIFY_KEY, "verify_key.pem")
}
"""The variable that names a step's key, and the name of the file."""
