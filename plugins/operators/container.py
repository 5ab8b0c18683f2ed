"""What a step's container is given: its name, its image, its surroundings, its files and its limits.

configuration, connections, resources ──► [this] ──► docker_step
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docker.types import DeviceRequest, LogConfig, Mount

from featherline.airflow import deployment
from featherline.airflow.limits import threads
from featherline.airflow.operators.exchange import EXCHANGE, RESULT, folder_files
from featherline.airflow.operators.keys import Key, key_of
from featherline.airflow.steps import STEPS, Resources
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.contracts.request import Variable
from featherline.tasks.contracts.secrecy import for_step

PASSED_ON = frozenset(
    (
        *("TZ", "AWS_REGION", "AWS_DEFAULT_REGION"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    )
)
"""What of the worker's surroundings holds in a container too. So do FEATHERLINE_* variables, but for those below."""
NOT_PASSED_ON = frozenset(
    ("FEATHERLINE_PARENT", Variable.REQUEST, Variable.RESULT, Variable.SIGNING_KEY, Variable.VERIFY_KEY)
)
SCRATCH = f"{EXCHANGE}/tmp"  # noqa: S108 - the container's own
"""For temporary files: on disk, while what lies in /tmp is memory."""
SHARED = "/featherline/shared"
"""Of all containers of an engine: the artifact cache, and the studies where no server holds them."""
LABEL = "featherline."
LABEL_OF_VOLUME = f"{LABEL}volume"
"""On all that belongs to one deployment: `docker ps --filter label=featherline.volume=NAME`."""
MIB = 2**20
MOST_PROCESSES = 4096
"""Threads count: TensorFlow has a few for each processor."""


def check_reach(step: str) -> None:
    """Refuse a store that a container cannot reach.

    Raises:
        Refused: It is a folder of the worker's disk.
    """
    store = deployment.settings()[Variable.STORE]
    if "://" not in store:
        raise refuse(
            f"{step} cannot reach the store from a container",
            expected="[featherline] store: an address such as s3://bucket",
            got=store,
            fix="use an S3-compatible server, or the runtime process",
        )


def environment(step: str, image: str, limits: Resources) -> dict[str, str]:
    """Return a container's variables, the secrets that the step needs among them; `image` is its digest."""
    passed = {
        name: value
        for name, value in os.environ.items()
        if (name in PASSED_ON or name.startswith("FEATHERLINE_")) and name not in NOT_PASSED_ON
    }
    settings = {name: value for name, value in deployment.settings().items() if name not in NOT_PASSED_ON}
    keys = {str(key.variable): f"{EXCHANGE}/{key.file}" for key, _ in _key_files(step)}
    if "://" not in settings[Variable.STUDIES]:
        settings[Variable.STUDIES] = f"{SHARED}/studies"
    own = threads(limits) | {
        Variable.RECIPES: f"{EXCHANGE}/recipes",
        Variable.RESULT: RESULT,
        Variable.IMAGE: image,
        Variable.CACHE: f"{SHARED}/cache",
        "TMPDIR": SCRATCH,
    }
    known = for_step(step, passed | settings | deployment.access())
    return known | keys | {str(name): value for name, value in own.items()}


def files(step: str) -> dict[str, bytes]:
    """Return what a step reads of the worker's disk: its key, and the recipes where it reads those."""
    given = {key.file: path.read_bytes() for key, path in _key_files(step)}
    if STEPS[step].reads_recipes:
        given |= folder_files(Path(deployment.settings()[Variable.RECIPES]), "recipes")
    return given


def host(limits: Resources, cores: int) -> dict[str, Any]:
    """Return the arguments of docker's `create_host_config`: what a container may do, and how much it may take."""
    gpus = deployment.option("docker_gpus") if limits.gpu else ""
    memory = int(limits.memory_mib * MIB)
    return {
        "read_only": True,
        "tmpfs": {"/tmp": "rw,noexec,nosuid,nodev,size=256m"},  # noqa: S108 - the container's own
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "pids_limit": MOST_PROCESSES,
        "mem_limit": memory,
        "memswap_limit": memory,
        "nano_cpus": int(min(limits.cpus, cores) * 1e9),  # an engine refuses more than it has
        "network_mode": deployment.option("docker_network", "bridge"),
        "mounts": list(mounts()),
        "log_config": LogConfig(type="json-file", config={"max-size": "20m", "max-file": "2"}),
        "device_requests": [gpu_request(gpus)] if gpus else None,
    }


def name_of(step: str, *place: str) -> str:
    """Return the name of a task's container: the same for each of its tries, and for no other task."""
    return f"featherline-{step}-{hashlib.sha256(chr(0).join(place).encode()).hexdigest()[:24]}"


def identity(image: str, inspected: dict[str, Any]) -> str:
    """Return the digest that tells an image from any other: of its reference, else the one that the engine knows."""
    return image.partition("@")[2] or str(inspected["Id"])


def volume() -> str:
    """Return the name of what all containers of a deployment share on one engine."""
    return deployment.option("docker_volume", "featherline-shared")


def mounts() -> Iterator[Mount]:
    """Yield what a container sees of its engine's disk: its exchange folder, what all share, what the owner adds.

    Only the first two can be written to. The last are `[featherline] docker_mounts`: PATH:PLACE, separated by commas.
    """
    yield Mount(EXCHANGE, None, type="volume", labels={LABEL_OF_VOLUME: volume()})
    yield Mount(SHARED, volume(), type="volume")
    for word in filter(None, (word.strip() for word in deployment.option("docker_mounts").split(","))):
        source, _, target = word.partition(":")
        yield Mount(target or source, source, type="bind", read_only=True)


def gpu_request(gpus: str) -> DeviceRequest:
    """Return what asks the engine for `all` GPUs, for a number of them, or for those of these ids (`id:0;2`)."""
    if gpus.startswith("id:"):
        return DeviceRequest(device_ids=gpus.removeprefix("id:").split(";"), capabilities=[["gpu"]])
    return DeviceRequest(count=-1 if gpus == "all" else int(gpus), capabilities=[["gpu"]])


def _key_files(step: str) -> Iterator[tuple[Key, Path]]:
    """Yield the key of a step, where it has one and the deployment names a file that is there."""
    if key := key_of(step):
        path = Path(deployment.settings().get(key.variable, ""))
        if path.is_file():
            yield key, path
