"""A run from the command line: triggered, followed, summed up, told.

recipe, overrides ──► REST ──► follow ──► summary.json, report.html ──► table, or the failure
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from featherline.airflow_client import DAG, AirflowClient
from featherline.failures import log_of, what_failed
from featherline.follow import follow
from featherline.outcome import tell
from featherline.places import Places
from featherline.stack import airflow
from featherline.stack import secrets as files
from featherline.stack.ports import HOST
from featherline.stack.private import close_var
from featherline.stack.record import Stack
from featherline.stack.s3_server import REGION
from featherline.stack.secrets import USER, secrets_in
from featherline.stillness import Stillness
from featherline.summary import Summary, read_records, summarise
from featherline.tasks.contracts.refusal import did_you_mean, refuse
from featherline.tasks.contracts.request import Variable
from featherline.tasks.store.artifacts import open_store
from featherline.whole_file import write_whole


@dataclass(frozen=True)
class Order:
    """What a person asks for."""

    recipe: str
    overrides: Mapping[str, Any]
    seed: int = 0
    ignore_cache: bool = False
    unchanged: Literal["skip", "run"] = "skip"
    """What becomes of a run that would do nothing which the last one has not done."""


def enter(places: Places, stack: Stack) -> None:
    """Give this process what the steps get: the keys of the store and the registry, and where things lie."""
    known = secrets_in(places.secrets)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]  # of another store: a profile or a token would be taken for this one's
    os.environ.update(
        {
            "AWS_ACCESS_KEY_ID": known.s3_access_key,
            "AWS_SECRET_ACCESS_KEY": known.s3_secret_key,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL_S3": f"http://{HOST}:{stack.s3_port}",
            Variable.STORE: f"s3://{airflow.BUCKET}",
            Variable.REGISTRY: stack.mlflow_url,
            "MLFLOW_TRACKING_USERNAME": USER,
            "MLFLOW_TRACKING_PASSWORD": known.mlflow_password,
            Variable.SIGNING_KEY: str(files.signing_key(places.secrets)),
            Variable.VERIFY_KEY: str(files.verify_key(places.secrets)),
        }
    )


def client_of(places: Places, stack: Stack) -> AirflowClient:
    """Return the stack's Airflow."""
    return AirflowClient(stack.airflow_url, USER, secrets_in(places.secrets).airflow_password)


def execute(places: Places, stack: Stack, order: Order, console: Console, folder: Path | None = None) -> Summary:
    """Trigger a run on a running stack, follow it to its end, and write its summary.

    Args:
        places: Of the stack.
        stack: Which runs.
        order: What to run.
        console: Where progress and outcome are shown.
        folder: For summary and report; `var/runs/<run_id>` where absent.

    Raises:
        Refused: There is no such recipe; Airflow does not answer.
    """
    _check_recipe(places, order.recipe)
    client = client_of(places, stack)
    client.wait_for_dag()
    run_id = f"{order.recipe}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    conf = {"recipe": order.recipe, "overrides": dict(order.overrides), "seed": order.seed}
    client.trigger(run_id, conf | {"ignore_cache": order.ignore_cache, "unchanged": order.unchanged})
    console.print(f"run {run_id}, {stack.airflow_url}/dags/{DAG}/runs/{run_id}", highlight=False, soft_wrap=True)
    return conclude(places, client, run_id, console, folder or places.run(run_id))


def conclude(places: Places, client: AirflowClient, run_id: str, console: Console, folder: Path) -> Summary:
    """Follow a run to its end, write its summary and the report into `folder`, and tell a person."""
    store = open_store(os.environ[Variable.STORE])
    stillness = Stillness(places, client, run_id, lambda line: console.print(line, highlight=False, soft_wrap=True))
    ended = follow(client, store, run_id, console, stillness)
    records = read_records(store, run_id)
    failures = what_failed(client, run_id, ended, records)
    summary = summarise(
        store,
        records,
        run_id=run_id,
        state=ended.state,
        seconds=ended.seconds,
        folder=folder,
        failures={place: message.splitlines()[0] for place, (_, message) in failures.items()},
    )
    close_var(places)  # some programs give a file a mode of its own
    write_whole(folder / "summary.json", f"{summary.model_dump_json(indent=2)}\n".encode())
    tell(summary, folder, console)
    if summary.state != "success":
        for task, message in failures.values():
            console.out(f"\n{message}\n  log       {log_of(places, run_id, task)}", highlight=False)
    return summary


def _check_recipe(places: Places, name: str) -> None:
    folder = Path(os.environ.get(Variable.RECIPES, places.root / "recipes"))
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in known:
        raise refuse(
            f"there is no recipe {name}", expected=f"a file of {folder}", got=name, fix=did_you_mean(name, known)
        )
