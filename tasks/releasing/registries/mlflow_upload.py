"""Uploading a release to MLflow as a LoggedModel, by MLflow's own client: its files, parameters and metrics.

    release ──► bundle ──► LoggedModel m-… (READY) in the experiment of the model's name ──► models:/m-…

Where the upload fails the LoggedModel and its run are marked FAILED, and the error goes on: nothing that is half there
can become a version.
"""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # MLflow's own 7 take minutes when the server is gone
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput, Metric

from featherline.tasks.contracts.measurement import Measurement
from featherline.tasks.releasing.registries.bundle import write_bundle
from featherline.tasks.releasing.registries.registry import Submission


def upload(address: str, submission: Submission) -> tuple[str, str]:
    """Upload a submission and return its source, `models:/m-…`, and the id of the MLflow run that holds its metrics."""
    client: Any = MlflowClient(address, registry_uri=address)
    measurement = submission.measurement
    experiment = _experiment(client, submission.release.name)
    tags = {"mlflow.source.name": "featherline", "mlflow.source.type": "JOB", "featherline.run_id": submission.run_id}
    run_id: str = client.create_run(experiment, run_name=measurement.candidate, tags=tags).info.run_id
    model = client.create_logged_model(
        experiment,
        name=f"{submission.release.name}-{measurement.candidate}".replace(".", "-"),
        source_run_id=run_id,
        tags=submission.tags(),
        params={"scheme": measurement.scheme, "candidate": measurement.candidate},
        model_type="tflite",
    )
    try:
        with tempfile.TemporaryDirectory(prefix="featherline-bundle-") as name:
            write_bundle(Path(name), submission, model_id=model.model_id, run_id=run_id)
            client.log_model_artifacts(model.model_id, name)
        client.finalize_logged_model(model.model_id, "READY")
        client.log_outputs(run_id, models=[LoggedModelOutput(model.model_id, step=0)])
        now = int(time.time() * 1000)
        batch = [Metric(key, value, now, 0, model.model_id) for key, value in metrics(measurement).items()]
        client.log_batch(run_id, metrics=batch)
    except BaseException:
        with suppress(Exception):  # a server that went away cannot be told; what is not READY becomes no version
            client.finalize_logged_model(model.model_id, "FAILED")
            client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")
    return f"models:/{model.model_id}", run_id


def metrics(measurement: Measurement) -> dict[str, float]:
    """Return the numbers that MLflow shows and searches by."""
    name = measurement.quality.metric.name.replace(" ", "_")
    numbers = {
        name: measurement.quality.value,
        f"{name}_low": measurement.quality.low,
        f"{name}_high": measurement.quality.high,
        "size_bytes": measurement.size_bytes,
        "gzip_bytes": measurement.gzip_bytes,
        "macs": measurement.macs,
        "parameters": measurement.parameters,
        "peak_ram_bytes": measurement.peak_ram_bytes,
        "latency_ms_p50": measurement.latency_ms.p50,
        "latency_ms_p90": measurement.latency_ms.p90,
        "sparsity": measurement.sparsity,
    }
    return {key: float(value) for key, value in numbers.items()}


def _experiment(client: Any, name: str) -> str:  # noqa: ANN401 - MLflow's client is not typed
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        return str(client.create_experiment(name))
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(experiment.experiment_id)
    return str(experiment.experiment_id)
