"""What is secret in a process's environment: everything that starts a process asks here.

worker's variables ──► [for_step] ──► a step's variables ──► running.child ──► a child's, with none unless it is asked
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from featherline.tasks.contracts.reading import contract_of, is_step
from featherline.tasks.contracts.request import Variable
from featherline.tasks.contracts.secrets import Secret

VARIABLES: Mapping[Secret, tuple[str, ...]] = {
    Secret.STORE: (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
    ),
    Secret.REGISTRY: ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"),
    Secret.SIGNING_KEY: (str(Variable.SIGNING_KEY),),
}
"""The variables that are secret whatever is in them; a path to a secret is one too."""
IN_ADDRESS: Mapping[str, Secret] = {str(Variable.REGISTRY): Secret.REGISTRY, str(Variable.STUDIES): Secret.STUDIES}
"""The variables whose address may hold a password; without one they are no secret."""

_AWS_PLAIN = frozenset(
    (
        *("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_CA_BUNDLE"),
        *("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION", "AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE"),
    )
)
_SECRET_NAME = re.compile(
    r"PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|CREDENTIAL|(API|ACCESS|PRIVATE|SIGNING)_?KEY", re.IGNORECASE
)
_SECRET_VALUE = re.compile(
    r"://[^/\s@]*:[^/\s@]+@|[?&;](password|passwd|token|secret)=|PRIVATE KEY-----", re.IGNORECASE
)
_KIND_OF_NAME = {name: secret for secret, names in VARIABLES.items() for name in names}


def needs_of(step: str) -> frozenset[Secret]:
    """Return the secrets that a step needs; of a step that nobody knows, those that every step needs."""
    own: frozenset[Secret] = contract_of(step, "Params").secrets if is_step(step) else frozenset()
    return own | {Secret.STORE}


def names_of(needs: Collection[Secret]) -> frozenset[str]:
    """Return the variables that hold these secrets, or an address that may."""
    own = {name for need in needs for name in VARIABLES.get(need, ())}
    return frozenset(own | {name for name, secret in IN_ADDRESS.items() if secret in needs})


def kind_of(name: str, value: str) -> Secret | None:
    """Return which secret a variable is, None where it is none.

    A proxy's address is none, even with a password in it: it is the only way out for whoever goes that way.
    """
    if name in _KIND_OF_NAME:
        return _KIND_OF_NAME[name]
    if name.upper().endswith("_PROXY"):
        return None
    if name.startswith("AWS_") and name not in _AWS_PLAIN:
        return Secret.STORE
    if _SECRET_VALUE.search(value):
        return IN_ADDRESS.get(name, Secret.RECIPES)
    return Secret.RECIPES if _SECRET_NAME.search(name) else None


def without_secrets(environment: Mapping[str, str], but: Collection[Secret] = ()) -> dict[str, str]:
    """Return the variables that are no secret, and those of the secrets in `but`."""
    return {name: value for name, value in environment.items() if kind_of(name, value) in {None, *but}}


def for_step(step: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a step may know."""
    return without_secrets(environment, needs_of(step))
