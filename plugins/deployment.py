"""What the deployment says: the section `[featherline]` of Airflow's configuration, and three connections.

    [featherline]                          the step's environment
    home, python                           where `tasks/` lies, and the interpreter that runs it
    store, studies, recipes                FEATHERLINE_STORE, …_STUDIES, …_RECIPES
    signing_key, verify_key                FEATHERLINE_SIGNING_KEY, …_VERIFY_KEY (paths)
    runtime, schedule, recipe, max_active_tasks      read when the DAG is parsed
    rounds                                 of lanes, for recipes that propose candidates: 3; read then, too
    image, image_core                      of the steps, by digest or by a tag that is not latest
    patience_s                             for how long a step waits for a server that is away: 300
    resources                              what single steps may use beyond plugins.limits, as JSON

    docker_url, docker_connection          the engine, and the connection that logs in to a registry
    docker_network                         bridge; host where servers listen on 127.0.0.1 alone
    docker_volume                          what all containers of an engine share: featherline-shared
    docker_mounts                          data and certificates of the engine's machine, read-only: PATH:PLACE, …
    docker_gpus                            of steps with TensorFlow: all, a number, or id:0;2

    connection featherline_store           AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL_S3, …
    connection featherline_registry        FEATHERLINE_REGISTRY, MLFLOW_TRACKING_USERNAME, …_PASSWORD
    connection featherline_studies         FEATHERLINE_STUDIES, where the address has a password; wins over the option

Each option is also the variable AIRFLOW__FEATHERLINE__OPTION. All have defaults that fit a checkout. Connections are
read when a task runs, never at parse time, so that no secret is in the DAG or in what Airflow renders of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk import Asset, Connection, conf
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

import featherline
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.request import Variable

if TYPE_CHECKING:
    from collections.abc import Iterator

STORE_CONNECTION = "featherline_store"
REGISTRY_CONNECTION = "featherline_registry"
STUDIES_CONNECTION = "featherline_studies"
CHECKOUT = Path(featherline.__file__).resolve().parents[1]
ASSET_PREFIX = "asset:"
MOST_ROUNDS = 10


def option(name: str, default: str = "") -> str:
    """Return an option of `[featherline]`, or `default` where it is absent or empty."""
    return str(conf.get("featherline", name, fallback="") or default).strip()


def home() -> Path:
    """Return the folder that holds `tasks/`: the working directory of a step."""
    return Path(option("home", str(CHECKOUT)))


def python() -> str:
    """Return the interpreter of the tasks' own environment."""
    return option("python", str(home() / ".venvs" / "tasks" / "bin" / "python"))


def schedule() -> str | list[Asset] | None:
    """Return when the pipeline runs by itself: never, at the times of a cron string, or when an asset changes."""
    text = option("schedule")
    if text.startswith(ASSET_PREFIX):
        return [Asset(uri=text.removeprefix(ASSET_PREFIX))]
    return text or None


def rounds() -> int:
    """Return how many rounds of lanes the pipeline has.

    Raises:
        Refused: It is no number from 1 to 10.
    """
    text = option("rounds", "3")
    if text.isdecimal() and 1 <= int(text) <= MOST_ROUNDS:
        return int(text)
    raise refuse(
        "the pipeline cannot have so many rounds",
        expected=f"[featherline] rounds: a whole number from 1 to {MOST_ROUNDS}",
        got=text,
        fix="correct Airflow's configuration, or AIRFLOW__FEATHERLINE__ROUNDS",
    )


def recipes_folder() -> Path:
    """Return the folder of recipes, which has one of devices in it."""
    return Path(option("recipes", str(home() / "recipes")))


def settings() -> dict[str, str]:
    """Return a step's FEATHERLINE_* variables, none of them secret."""
    var = home() / "var"
    paths = {
        Variable.STORE: option("store", str(var / "store")),
        Variable.STUDIES: option("studies", str(var / "studies")),
        Variable.RECIPES: str(recipes_folder()),
        Variable.SIGNING_KEY: option("signing_key"),
        Variable.VERIFY_KEY: option("verify_key"),
        Variable.PATIENCE: option("patience_s"),
    }
    return {str(name): value for name, value in paths.items() if value}


def access() -> dict[str, str]:
    """Return what opens the store and the registry, read from the connections now; masked in every later log line.

    A connection that is not there gives nothing: a folder needs no key, and a cloud may give its keys to the machine.
    """
    return dict(_store_access()) | dict(_registry_access()) | dict(_studies_access())


def _store_access() -> Iterator[tuple[str, str]]:
    connection = _connection(STORE_CONNECTION)
    if connection is None:
        return
    extra = connection.extra_dejson
    values = {
        "AWS_ACCESS_KEY_ID": connection.login,
        "AWS_SECRET_ACCESS_KEY": connection.password,
        "AWS_SESSION_TOKEN": extra.get("aws_session_token"),
        "AWS_DEFAULT_REGION": extra.get("region_name"),
        "AWS_ENDPOINT_URL_S3": extra.get("endpoint_url"),
    }
    for secret in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        if values[secret]:
            mask_secret(values[secret])
    yield from ((name, value) for name, value in values.items() if value)


def _registry_access() -> Iterator[tuple[str, str]]:
    connection = _connection(REGISTRY_CONNECTION)
    if connection is None or not connection.host:
        yield str(Variable.REGISTRY), "store"
        return
    scheme = next((name for name in (connection.schema, connection.conn_type) if name in {"http", "https"}), "http")
    address = connection.host if "://" in connection.host else f"{scheme}://{connection.host}"
    yield str(Variable.REGISTRY), f"{address}:{connection.port}" if connection.port else address
    if connection.login:
        yield "MLFLOW_TRACKING_USERNAME", connection.login
    if connection.password:
        mask_secret(connection.password)
        yield "MLFLOW_TRACKING_PASSWORD", connection.password


def _studies_access() -> Iterator[tuple[str, str]]:
    connection = _connection(STUDIES_CONNECTION)
    if connection is None:
        return
    if connection.password:
        mask_secret(connection.password)
    address = connection.get_uri()
    mask_secret(address)
    # Airflow's name of the database is not that of SQLAlchemy.
    yield str(Variable.STUDIES), address.replace("postgres://", "postgresql://", 1)


def _connection(name: str) -> Connection | None:
    try:
        connection: Connection = Connection.get(name)
    except AirflowNotFoundException:
        return None
    return connection
