"""The variables of a step's pod: addresses in plain text, and by the name of the cluster's Secret what the step needs.

connections ──► addresses      the Secret's keys ──► those that `contracts.secrecy` says the step needs

No secret is ever written into a pod: only the name of the Secret that the cluster takes it from.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubernetes.client import models as k8s

from featherline.airflow import deployment
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.request import Variable
from featherline.tasks.contracts.secrecy import kind_of, names_of, needs_of
from featherline.tasks.contracts.secrets import Secret

ADDRESSES = frozenset(("AWS_ENDPOINT_URL_S3", str(Variable.REGISTRY)))
REGIONS = frozenset(("AWS_REGION", "AWS_DEFAULT_REGION"))
"""What the Secret may hold for every step beside what single ones need; regions not where a cloud identity has one."""
NOT_FROM_SECRET = frozenset(("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", str(Variable.SIGNING_KEY)))
"""The cluster sets the first two for a service account, unless somebody else has; the key is a file."""


def addresses() -> dict[str, str]:
    """Return what of Airflow's connections may be read in a pod by whoever may read pods: addresses.

    Raises:
        Refused: A connection has a password, and there is no Secret from which the pod would get it.
    """
    access = deployment.access()
    plain = {name: value for name, value in access.items() if kind_of(name, value) is None}
    hidden = sorted(set(access) - set(plain))
    if hidden and not deployment.option("kubernetes_secret"):
        raise refuse(
            "a pod would have no key to what the connections open",
            expected=f"[featherline] kubernetes_secret: a Secret with {', '.join(hidden)}",
            got="nothing",
            fix="make the Secret and name it; or use a service account, and take the password out of the connection",
        )
    return plain


def env_from(step: str) -> list[k8s.V1EnvFromSource]:
    """Return the Secret, of all whose keys become variables, for the one step whose recipe may name any of them."""
    name = deployment.option("kubernetes_secret")
    whole = name and Secret.RECIPES in needs_of(step)
    return [k8s.V1EnvFromSource(secret_ref=k8s.V1SecretEnvSource(name=name))] if whole else []


def environment(step: str, plain: Mapping[str, str]) -> list[k8s.V1EnvVar]:
    """Return all variables of a step: plain ones, and of the Secret's keys those that the step needs, by name.

    A key that the Secret lacks is no variable; one that opens what the connections hide must be there.
    """
    secret, needs = deployment.option("kubernetes_secret"), needs_of(step)
    variables = {name: k8s.V1EnvVar(name=name, value=value) for name, value in plain.items()}
    wanted = names_of(needs) | ADDRESSES
    if not deployment.option("kubernetes_service_account"):
        wanted |= REGIONS
    if secret and Secret.RECIPES in needs:  # it has the whole Secret by `env_from`; an empty value hides a key
        variables |= {name: k8s.V1EnvVar(name=name, value="") for name in names_of([*Secret]) - wanted - set(plain)}
    elif secret:
        must = set(deployment.access())
        for name in wanted - NOT_FROM_SECRET - set(plain):
            key = k8s.V1SecretKeySelector(name=secret, key=name, optional=name not in must)
            variables[name] = k8s.V1EnvVar(name=name, value_from=k8s.V1EnvVarSource(secret_key_ref=key))
    return [variables[name] for name in sorted(variables)]
