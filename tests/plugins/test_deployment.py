"""What the deployment says, and what a step gets of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from airflow.sdk import Asset
from airflow.sdk.exceptions import ParamValidationError

from featherline.airflow import deployment
from featherline.airflow.form import form
from featherline.tasks.contracts.auto import Auto
from featherline.tasks.contracts.refusal import Refused

ROOT = Path(__file__).parents[2]


def test_everything_has_a_default_that_fits_a_checkout(monkeypatch: pytest.MonkeyPatch, home: Path):
    """Without configuration the store is a folder, the registry lies in it, and nothing is signed."""
    monkeypatch.delenv("AIRFLOW__FEATHERLINE__PYTHON")

    assert deployment.python() == f"{home}/.venvs/tasks/bin/python"
    assert deployment.settings() == {
        "FEATHERLINE_STORE": f"{home}/var/store",
        "FEATHERLINE_STUDIES": f"{home}/var/studies",
        "FEATHERLINE_RECIPES": f"{home}/recipes",
    }
    assert deployment.access() == {"FEATHERLINE_REGISTRY": "store"}
    assert deployment.schedule() is None


def test_options_become_the_variables_of_a_step(monkeypatch: pytest.MonkeyPatch):
    """Each option of `[featherline]` that a step needs has its variable."""
    for name in ("STORE", "STUDIES", "RECIPES", "SIGNING_KEY", "VERIFY_KEY"):
        monkeypatch.setenv(f"AIRFLOW__FEATHERLINE__{name}", f"/here/{name}")

    assert deployment.settings() == {
        f"FEATHERLINE_{name}": f"/here/{name}" for name in ("STORE", "STUDIES", "RECIPES", "SIGNING_KEY", "VERIFY_KEY")
    }


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("", None),
        ("0 3 * * *", "0 3 * * *"),
        ("@weekly", "@weekly"),
        ("asset:s3://lake/labels", [Asset(uri="s3://lake/labels")]),
    ],
)
def test_a_schedule_is_nothing_a_cron_string_or_an_asset(monkeypatch: pytest.MonkeyPatch, text: str, when: object):
    """One option says when the pipeline runs by itself."""
    monkeypatch.setenv("AIRFLOW__FEATHERLINE__SCHEDULE", text)

    assert deployment.schedule() == when


REGISTRIES = {
    "uri": ("http://admin:word@127.0.0.1:5000", "http://127.0.0.1:5000"),
    "https uri": ("https://admin:word@flow.example", "https://flow.example"),
    "scheme in the schema": (
        json.dumps(
            {"conn_type": "http", "host": "flow.example", "schema": "https", "login": "admin", "password": "word"}
        ),
        "https://flow.example",
    ),
    "scheme in the host": (
        json.dumps({"conn_type": "http", "host": "https://flow.example/ml", "login": "admin", "password": "word"}),
        "https://flow.example/ml",
    ),
    "another type": (
        json.dumps({"conn_type": "generic", "host": "flow", "port": 80, "login": "admin", "password": "word"}),
        "http://flow:80",
    ),
}


@pytest.mark.parametrize(("connection", "address"), REGISTRIES.values(), ids=REGISTRIES)
def test_a_connection_becomes_the_registry_s_address(monkeypatch: pytest.MonkeyPatch, connection: str, address: str):
    """However a person wrote it; user and password go by variables of their own, never in the address."""
    monkeypatch.setenv("AIRFLOW_CONN_FEATHERLINE_REGISTRY", connection)

    assert deployment.access() == {
        "FEATHERLINE_REGISTRY": address,
        "MLFLOW_TRACKING_USERNAME": "admin",
        "MLFLOW_TRACKING_PASSWORD": "word",
    }


def test_a_store_connection_without_keys_gives_only_its_address(monkeypatch: pytest.MonkeyPatch):
    """A cloud's machine has keys of its own."""
    monkeypatch.setenv(
        "AIRFLOW_CONN_FEATHERLINE_STORE", json.dumps({"conn_type": "aws", "extra": {"region_name": "eu-west-1"}})
    )

    assert deployment.access() == {"AWS_DEFAULT_REGION": "eu-west-1", "FEATHERLINE_REGISTRY": "store"}


@pytest.mark.parametrize(
    ("connection", "address"),
    [
        ({"conn_type": "redis", "password": "word", "schema": "1"}, "redis://:word@db:6379/1"),
        ({"conn_type": "postgres", "login": "me", "password": "word", "schema": "s"}, "postgresql://me:word@db:6379/s"),
    ],
)
def test_a_connection_becomes_the_address_of_the_studies(
    monkeypatch: pytest.MonkeyPatch, connection: dict[str, str], address: str
):
    """As the studies' own library writes it; so that no option has to hold a password."""
    found = connection | {"host": "db", "port": 6379}
    monkeypatch.setenv("AIRFLOW_CONN_FEATHERLINE_STUDIES", json.dumps(found))

    assert deployment.access()["FEATHERLINE_STUDIES"] == address


def test_the_rounds_are_enough_for_every_recipe_that_ships():
    """None is refused for its rounds by a deployment that says nothing of them."""
    recipes = [yaml.safe_load(path.read_text()) for path in (ROOT / "recipes").glob("*.yaml")]
    autos = [recipe["candidates"]["auto"] for recipe in recipes if "auto" in recipe["candidates"]]

    assert autos
    assert all(Auto.model_validate(auto).rounds <= deployment.rounds() for auto in autos)


@pytest.mark.parametrize("there", [(), ("wide.yaml",), ("digits.yaml", "wide.yaml")])
def test_the_form_takes_any_recipe_whatever_lies_in_the_folder(home: Path, there: tuple[str, ...]):
    """One that is put there while the stack runs can be named at once; a name that is no text cannot."""
    (home / "recipes").mkdir()
    for name in there:
        (home / "recipes" / name).touch()

    recipe = form()["recipe"]

    assert recipe.value == "digits"
    assert recipe.resolve("put-there-a-moment-ago") == "put-there-a-moment-ago"
    for bad in ("", 3, None):
        with pytest.raises(ParamValidationError):
            recipe.resolve(bad)


def test_the_deployment_names_the_recipe_of_scheduled_runs(home: Path, monkeypatch: pytest.MonkeyPatch):
    """Also one that is not there yet: `resolve` says so when the run comes."""
    (home / "recipes").mkdir()
    monkeypatch.setenv("AIRFLOW__FEATHERLINE__RECIPE", "wide")

    assert form()["recipe"].value == "wide"


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("seed", [0, 2**32 - 1], [-1, 2**32, "3", 1.5]),
        ("overrides", [{}, {"train.epochs": 5}], ["train.epochs=5", []]),
        ("unchanged", ["skip", "run"], ["Run", True]),
        ("ignore_cache", [True], ["yes", 1]),
    ],
)
def test_the_form_checks_its_types(field: str, good: list[object], bad: list[object]):
    """Airflow itself refuses what no step could take."""
    for value in good:
        assert form()[field].resolve(value) == value
    for value in bad:
        with pytest.raises(ParamValidationError):
            form()[field].resolve(value)


def test_the_pipeline_has_three_rounds_unless_told(monkeypatch: pytest.MonkeyPatch):
    """An option says otherwise, up to ten."""
    assert deployment.rounds() == 3

    monkeypatch.setenv("AIRFLOW__FEATHERLINE__ROUNDS", "10")
    assert deployment.rounds() == 10


@pytest.mark.parametrize("text", ["0", "11", "-1", "two", "1.5"])
def test_a_number_of_rounds_that_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch, text: str):
    """With the option that says it."""
    monkeypatch.setenv("AIRFLOW__FEATHERLINE__ROUNDS", text)

    with pytest.raises(Refused, match=r"\[featherline\] rounds: a whole number from 1 to 10"):
        deployment.rounds()
