"""What counts as a secret, and which steps are given it."""

from __future__ import annotations

import pytest

from featherline.tasks.contracts.reading import contract_of
from featherline.tasks.contracts.secrecy import for_step, kind_of
from featherline.tasks.contracts.secrets import Secret
from featherline.tasks.running.execute import STEPS

KINDS = [
    ("AWS_SECRET_ACCESS_KEY", "x", Secret.STORE),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "x", Secret.STORE),
    ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1", None),
    ("AWS_DEFAULT_REGION", "us-east-1", None),
    ("MLFLOW_TRACKING_PASSWORD", "x", Secret.REGISTRY),
    ("FEATHERLINE_REGISTRY", "http://127.0.0.1:5000", None),
    ("FEATHERLINE_REGISTRY", "http://me:word@127.0.0.1:5000", Secret.REGISTRY),
    ("FEATHERLINE_STUDIES", "/var/studies", None),
    ("FEATHERLINE_STUDIES", "redis://host/0", None),
    ("FEATHERLINE_STUDIES", "redis://:word@host/0", Secret.STUDIES),
    ("FEATHERLINE_STUDIES", "postgresql://host/db?user=me&password=word", Secret.STUDIES),
    ("FEATHERLINE_SIGNING_KEY", "/keys/signing_key.pem", Secret.SIGNING_KEY),
    ("FEATHERLINE_VERIFY_KEY", "/keys/verify_key.pem", None),
    ("FEATHERLINE_DATA", "/data", None),
    ("FEATHERLINE_DATA", "https://me:word@host/data", Secret.RECIPES),
    ("FEATHERLINE_DATA_PASSWORD", "x", Secret.RECIPES),
    ("FEATHERLINE_HUB_TOKEN", "x", Secret.RECIPES),
    ("hub_api_key", "x", Secret.RECIPES),
    ("FEATHERLINE_PEM", "-----BEGIN EC PRIVATE KEY-----", Secret.RECIPES),
    ("HTTPS_PROXY", "http://me:word@proxy:3128", None),
    ("PATH", "/usr/bin:/bin", None),
]


@pytest.mark.parametrize(("name", "value", "kind"), KINDS)
def test_a_variable_is_known_for_what_it_is(name: str, value: str, kind: Secret | None) -> None:
    """By its name, and where that says nothing by a password in its value."""
    assert kind_of(name, value) is kind


@pytest.mark.parametrize("step", STEPS)
def test_a_step_has_the_store_and_what_its_contract_says(step: str) -> None:
    """Nothing else that is secret; all that is none."""
    known = {f"{name}={value}": kind for name, value, kind in KINDS}

    passed = {one for one in known for name, _, value in [one.partition("=")] if for_step(step, {name: value})}

    allowed = {None, Secret.STORE, *contract_of(step, "Params").secrets}
    assert passed == {one for one, kind in known.items() if kind in allowed}


def test_most_steps_need_no_secret_but_the_store() -> None:
    """Five do: who reads the deployment, who shares a study, who signs, and who talks to the registry."""
    assert {step: contract_of(step, "Params").secrets for step in STEPS if contract_of(step, "Params").secrets} == {
        "resolve": {Secret.REGISTRY, Secret.SIGNING_KEY, Secret.RECIPES},
        "search": {Secret.STUDIES},
        "publish": {Secret.SIGNING_KEY},
        "register": {Secret.REGISTRY},
        "promote": {Secret.REGISTRY},
    }


def test_a_step_that_nobody_knows_has_the_store_alone() -> None:
    """Nothing is given by a mistaken name."""
    known = {"AWS_SECRET_ACCESS_KEY": "x", "MLFLOW_TRACKING_PASSWORD": "x"}

    assert set(for_step("promot", known)) == {"AWS_SECRET_ACCESS_KEY"}
