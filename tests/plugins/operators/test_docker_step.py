"""What only the runtime docker promises, on a real engine: it survives a worker, gives no rights, and keeps secrets."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from docker.errors import APIError, NotFound

from featherline.airflow.limits import resources
from featherline.airflow.operators import container
from featherline.airflow.operators.docker_step import lines
from featherline.airflow.retry import StepCrashedError, StepOutOfMemoryError
from featherline.airflow.steps import STEPS

ROOT = Path(__file__).resolve().parents[3]
Runtime = Any
Context = dict[str, Any]

WORKER = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job inherits it ignored
from featherline.airflow.operators.docker_step import DockerStepOperator

class Task:
    dag_id, run_id, task_id, map_index, try_number = "flow", "manual__1", "prune", -1, 1

DockerStepOperator(task_id="prune", step="prune", request={"inputs": {}}).execute({"ti": Task()})
"""
WHO = """
import time
print("begun", flush=True)
time.sleep({seconds})
if {code}:
    sys.exit({code})
answer({{"container": os.uname().nodename}})
"""
"""A step that takes a while, longer than the engine takes to show it, and says which container it ran in."""


@pytest.fixture
def worker(docker_runtime: Runtime) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Give a way to start the task in a process of its own, as Airflow does; waits until the step has begun."""
    started = []

    def start() -> subprocess.Popen[bytes]:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        started.append(subprocess.Popen([sys.executable, "-c", WORKER], cwd=ROOT, env=environment))
        wait_for(lambda: b"begun" in log_of(docker_runtime))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
    # A container that goes is still listed, and what a killed worker had asked for may come late.
    wait_for(lambda: removed(docker_runtime))


def removed(runtime: Runtime) -> bool:
    """Remove the tests' containers. Returns whether there was none."""
    found = runtime.engine.containers()
    for one in found:
        with contextlib.suppress(APIError):  # it is gone, or somebody else removes it
            runtime.engine.client.remove_container(one["Id"], v=True, force=True)
    return not found


def log_of(runtime: Runtime) -> bytes:
    """Return what the tests' containers have printed."""
    said = b""
    for one in runtime.engine.containers():
        with contextlib.suppress(NotFound):  # a container that goes is still listed
            said += runtime.engine.client.logs(one["Id"])
    return said


def states(runtime: Runtime) -> list[str]:
    """Return the states of the tests' containers."""
    return [one["State"] for one in runtime.engine.containers()]


def die(process: subprocess.Popen[bytes]) -> None:
    """Kill a worker outright, as a machine does that goes down."""
    process.kill()
    process.wait()


def test_the_next_try_follows_the_container_of_a_killed_worker(
    docker_runtime: Runtime, worker: Callable[..., Any], context: Context, capsys: pytest.CaptureFixture[str]
):
    """The training goes on while nobody watches, and is not begun again; the log is whole."""
    prune = docker_runtime.operator(WHO.format(seconds=5, code=0))
    die(worker())
    (running,) = docker_runtime.engine.containers()
    context["ti"].try_number = 2

    outputs = prune.execute(context)

    assert outputs == {"container": running["Id"][:12]}
    assert capsys.readouterr().out.count("begun") == 1
    assert docker_runtime.left() == []


def test_an_answer_that_nobody_fetched_is_taken(docker_runtime: Runtime, worker: Callable[..., Any], context: Context):
    """A step that ended well after its worker's death is not run again."""
    prune = docker_runtime.operator(WHO.format(seconds=5, code=0))
    die(worker())
    (running,) = docker_runtime.engine.containers()
    wait_for(lambda: states(docker_runtime) == ["exited"])

    assert prune.execute(context) == {"container": running["Id"][:12]}
    assert docker_runtime.left() == []


def test_a_step_that_failed_while_nobody_watched_is_run_again(
    docker_runtime: Runtime, worker: Callable[..., Any], context: Context
):
    """What is left of it goes first."""
    prune = docker_runtime.operator(WHO.format(seconds=5, code=1))
    die(worker())
    (old,) = docker_runtime.engine.containers()
    wait_for(lambda: states(docker_runtime) == ["exited"])
    prune = docker_runtime.operator(WHO.format(seconds=0, code=0))

    assert prune.execute(context)["container"] != old["Id"][:12]
    assert docker_runtime.left() == []


def test_a_container_that_was_asked_something_else_is_ended(
    docker_runtime: Runtime, worker: Callable[..., Any], context: Context
):
    """A task that was cleared with other inputs never takes the answer to the old ones."""
    docker_runtime.operator(WHO.format(seconds=60, code=0))
    die(worker())
    (old,) = docker_runtime.engine.containers()
    prune = docker_runtime.operator(WHO.format(seconds=0, code=0), request={"inputs": {}, "seed": 7})

    assert prune.execute(context)["container"] != old["Id"][:12]
    assert docker_runtime.left() == []


def test_a_worker_that_is_asked_to_end_leaves_nothing(docker_runtime: Runtime, worker: Callable[..., Any]):
    """An exception in the worker takes its container with it; only a death does not."""
    docker_runtime.operator(WHO.format(seconds=60, code=0))
    process = worker()

    process.send_signal(signal.SIGINT)
    process.wait(30)

    assert docker_runtime.left() == []


def test_two_tasks_never_share_a_container():
    """Each part of a task's place makes another name, and where one ends and the next begins matters."""
    places = [
        ("s3://a", "dag", "run", "task", "1"),
        ("s3://b", "dag", "run", "task", "1"),
        ("s3://a", "gad", "run", "task", "1"),
        ("s3://a", "dag", "nur", "task", "1"),
        ("s3://a", "dag", "run", "kast", "1"),
        ("s3://a", "dag", "run", "task", "2"),
        ("s3://a", "da", "grun", "task", "1"),
    ]

    names = {container.name_of("prune", *place) for place in places}

    assert len(names) == len(places)
    assert container.name_of("prune", *places[0]) in names


RIGHTS = """
def errno_of(action):
    try:
        action()
    except OSError as error:
        return error.errno
    return 0

status = dict(line.split(":\\t", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
mounts = {line.split()[1]: line.split()[3].split(",") for line in pathlib.Path("/proc/mounts").read_text().splitlines()}
answer({
    "user": [os.getuid(), os.getgid(), os.getgroups()],
    "capabilities": [status[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")],
    "no_new_privileges": status["NoNewPrivs"].strip(),
    "first_process": pathlib.Path("/proc/1/comm").read_text().strip(),
    "root": errno_of(lambda: pathlib.Path("/file").touch()),
    "code": errno_of(lambda: pathlib.Path("/app/featherline/tasks/file").touch()),
    "home": errno_of(lambda: pathlib.Path("/home/featherline/file").touch()),
    "tmp": errno_of(lambda: pathlib.Path("/tmp/file").touch()),
    "tmp_options": sorted({"noexec", "nosuid", "nodev"} & set(mounts["/tmp"])),
    "scratch": errno_of(lambda: pathlib.Path(os.environ["TMPDIR"], "file").touch()),
    "shared": errno_of(lambda: pathlib.Path(os.environ["FEATHERLINE_CACHE"]).parent.joinpath("file").touch()),
})
"""
READ_ONLY = 30


def test_a_step_has_no_rights(docker_runtime: Runtime, context: Context):
    """No root, no capabilities, none to be had, and three places to write to."""
    seen = docker_runtime.operator(RIGHTS).execute(context)

    assert seen == {
        "user": [1000, 1000, [1000]] if seen["user"][2] else [1000, 1000, []],
        "capabilities": ["0000000000000000"] * 5,
        "no_new_privileges": "1",
        "first_process": "tini",
        "root": READ_ONLY,
        "code": READ_ONLY,
        "home": READ_ONLY,
        "tmp": 0,
        "tmp_options": ["nodev", "noexec", "nosuid"],
        "scratch": 0,
        "shared": 0,
    }


def test_limits_come_from_the_table(docker_runtime: Runtime, worker: Callable[..., Any]):
    """Memory without swap, processors that the engine has, processes."""
    docker_runtime.operator(WHO.format(seconds=60, code=0))
    worker()
    (running,) = docker_runtime.engine.containers()

    host = docker_runtime.engine.client.inspect_container(running["Id"])["HostConfig"]

    assert (host["Memory"], host["MemorySwap"]) == (128 * 2**20, 128 * 2**20)
    assert host["NanoCpus"] == min(2, docker_runtime.engine.client.info()["NCPU"]) * 10**9
    assert host["PidsLimit"] == container.MOST_PROCESSES
    assert host["LogConfig"]["Config"] == {"max-size": "20m", "max-file": "2"}


def test_a_second_try_has_more_memory(docker_runtime: Runtime, context: Context):
    """What was too much for 128 MiB is not for twice as much."""
    script = "data = b'x' * (150 * 2**20); answer({'bytes': len(data)})"
    with pytest.raises(StepOutOfMemoryError):
        docker_runtime.operator(script).execute(context)

    context["ti"].try_number = 2

    assert docker_runtime.operator(script).execute(context) == {"bytes": 150 * 2**20}


def test_a_child_that_is_out_of_memory_counts_as_its_step(docker_runtime: Runtime, context: Context):
    """A step that fails because its child was killed for memory is tried with more, whatever its own exit code."""
    prune = docker_runtime.operator(
        "import subprocess; subprocess.run([sys.executable, '-c', \"data = b'x' * 2**30\"], check=True); answer({})"
    )

    with pytest.raises(StepOutOfMemoryError):
        prune.execute(context)


def test_keys_reach_only_the_steps_that_need_them(
    docker_runtime: Runtime, context: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """`publish` can read the signing key and nobody else in its container can; `prune` has no key at all."""
    (tmp_path / "private.pem").write_text("the key")
    (tmp_path / "private.pem").chmod(0o600)
    monkeypatch.setenv("AIRFLOW__FEATHERLINE__SIGNING_KEY", str(tmp_path / "private.pem"))
    monkeypatch.setenv("FEATHERLINE_SIGNING_KEY", str(tmp_path / "private.pem"))
    script = """
        path = os.environ.get("FEATHERLINE_SIGNING_KEY")
        file = pathlib.Path(path) if path else None
        answer({"key": file and [file.read_text(), oct(file.stat().st_mode), file.stat().st_uid]})
    """

    prune = docker_runtime.operator(script)
    publish = docker_runtime.operator(script)
    publish.step = "publish"

    assert prune.execute(context) == {"key": None}
    assert publish.execute(context) == {"key": ["the key", "0o100400", 1000]}
    assert docker_runtime.left() == []


@pytest.mark.parametrize("step", STEPS)
def test_a_container_is_given_the_secrets_that_its_step_needs(home: Path, monkeypatch: pytest.MonkeyPatch, step: str):
    """The store's keys all; the registry's password, the studies' and what recipes may name who needs each."""
    monkeypatch.setenv("AIRFLOW__FEATHERLINE__SIGNING_KEY", str(home / "private.pem"))
    (home / "private.pem").touch()
    monkeypatch.setenv("AIRFLOW_CONN_FEATHERLINE_STORE", "aws://key-id:store-hush@")
    monkeypatch.setenv("AIRFLOW_CONN_FEATHERLINE_REGISTRY", "http://admin:registry-hush@127.0.0.1:5000")
    monkeypatch.setenv("AIRFLOW_CONN_FEATHERLINE_STUDIES", "redis://:studies-hush@127.0.0.1:6379/1")
    for name in ("FEATHERLINE_HUB_TOKEN", "FEATHERLINE_SIGNING_KEY", "MLFLOW_TRACKING_TOKEN", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "recipes-hush")

    given = container.environment(step, "image", resources(step))

    needs = {
        "register": {"registry"},
        "promote": {"registry"},
        "resolve": {"registry", "recipes"},
        "search": {"studies"},
    }
    words = {"store", "registry", "studies", "recipes"}
    seen = {word for word in words if any(f"{word}-hush" in value for value in given.values())}
    assert seen == {"store"} | needs.get(step, set())
    key = {"resolve", "publish"} & {step}
    assert ("FEATHERLINE_SIGNING_KEY" in given, "signing_key.pem" in container.files(step)) == (bool(key), bool(key))


def test_resolve_reads_the_deployment_s_recipes(
    docker_runtime: Runtime, context: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """They go in with the container, so the engine may be another machine's."""
    (tmp_path / "devices").mkdir()
    (tmp_path / "digits.yaml").write_text("name: digits")
    (tmp_path / "devices" / "phone.yaml").write_text("name: phone")
    monkeypatch.setenv("AIRFLOW__FEATHERLINE__RECIPES", str(tmp_path))
    resolve = docker_runtime.operator("""
        folder = pathlib.Path(os.environ["FEATHERLINE_RECIPES"])
        answer({str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*.yaml")})
    """)
    resolve.step = "resolve"

    assert resolve.execute(context) == {"digits.yaml": "name: digits", "devices/phone.yaml": "name: phone"}


def test_nothing_of_the_worker_s_surroundings_reaches_a_step(
    docker_runtime: Runtime, context: Context, monkeypatch: pytest.MonkeyPatch
):
    """No setting of Airflow, no path of this machine; proxies and the deployment's own variables do."""
    for name in ("AIRFLOW__CORE__FERNET_KEY", "PYTHONPATH", "VIRTUAL_ENV", "DATABASE_PASSWORD", "FEATHERLINE_PARENT"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("FEATHERLINE_DATA", "/data")

    seen = docker_runtime.operator("answer(dict(os.environ))").execute(context)

    assert "secret" not in seen.values()
    assert (seen["HTTPS_PROXY"], seen["FEATHERLINE_DATA"]) == ("http://proxy:3128", "/data")
    assert seen["FEATHERLINE_STUDIES"] == "/featherline/shared/studies"


def test_the_image_s_digest_is_told_to_the_step(docker_runtime: Runtime, context: Context):
    """It is part of the cache key: a tag that moves is another image."""
    seen = docker_runtime.operator("answer({'image': os.environ['FEATHERLINE_IMAGE']})").execute(context)

    inspected = docker_runtime.engine.client.inspect_image(docker_runtime.engine.image)
    assert seen["image"] == inspected["Id"]
    assert container.identity(f"team/tasks@sha256:{'1' * 64}", inspected) == f"sha256:{'1' * 64}"


def test_a_result_that_is_a_link_is_none(docker_runtime: Runtime, context: Context):
    """A container cannot point at a file of the worker's machine."""
    prune = docker_runtime.operator("os.symlink('/etc/passwd', os.environ['FEATHERLINE_RESULT'])")

    with pytest.raises(AirflowFailException, match="prune left no result"):
        prune.execute(context)


def test_containers_share_a_folder(docker_runtime: Runtime, context: Context):
    """What one step puts into the cache, the next one finds."""
    folder = "folder = pathlib.Path(os.environ['FEATHERLINE_CACHE']); folder.mkdir(exist_ok=True);"
    docker_runtime.operator(f"{folder} (folder / 'kept').write_text('here'); answer({{}})").execute(context)

    seen = docker_runtime.operator(f"{folder} answer({{'kept': (folder / 'kept').read_text()}})").execute(context)

    assert seen == {"kept": "here"}


def test_an_image_that_is_nowhere_is_named(docker_runtime: Runtime, context: Context):
    """The registry may be out of reach for a moment, so a retry may help."""
    prune = docker_runtime.operator("answer({})", image="127.0.0.1:1/no/image:1.0")

    with pytest.raises(StepCrashedError, match="prune cannot run as a container") as raised:
        prune.execute(context)

    assert [line.split()[0] for line in str(raised.value).split("\n")[1:]] == ["expected", "got", "fix"]


def test_an_engine_that_does_not_answer_is_named(
    docker_runtime: Runtime, context: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """The message says what to start, and a retry may help."""
    monkeypatch.setenv("AIRFLOW__FEATHERLINE__DOCKER_URL", f"unix://{tmp_path}/none.sock")

    with pytest.raises(StepCrashedError, match=r"a Docker engine that answers \(\[featherline\] docker_url\)"):
        docker_runtime.operator("answer({})").execute(context)


def test_a_store_on_the_worker_s_disk_is_refused(
    docker_runtime: Runtime, context: Context, monkeypatch: pytest.MonkeyPatch
):
    """Before a container is made."""
    monkeypatch.setenv("AIRFLOW__FEATHERLINE__STORE", "/var/store")

    with pytest.raises(AirflowFailException, match="prune cannot reach the store from a container"):
        docker_runtime.operator("answer({})").execute(context)


@pytest.mark.parametrize("image", ["", "team/tasks", "team/tasks:latest", "team/tasks@sha256:12", "host:5000/tasks"])
def test_a_floating_image_is_refused(docker_runtime: Runtime, context: Context, image: str):
    """Before the engine is asked."""
    prune = docker_runtime.operator("answer({})")
    prune.image = image

    with pytest.raises(AirflowFailException, match="prune has no image that stays what it is"):
        prune.execute(context)


def test_a_container_that_cannot_be_made_leaves_nothing(
    docker_runtime: Runtime, context: Context, monkeypatch: pytest.MonkeyPatch
):
    """A mistake in the configuration shows in the engine's own words."""
    monkeypatch.setenv("AIRFLOW__FEATHERLINE__DOCKER_NETWORK", "no-such-network")

    with pytest.raises(StepCrashedError, match="no-such-network"):
        docker_runtime.operator("answer({})").execute(context)

    assert docker_runtime.left() == []


def test_gpus_are_asked_for_where_the_deployment_has_some(monkeypatch: pytest.MonkeyPatch):
    """By all, by number, by id; and only for steps that a GPU helps."""
    for text, count, ids in (("all", -1, []), ("2", 2, []), ("id:0;3", 0, ["0", "3"])):
        monkeypatch.setenv("AIRFLOW__FEATHERLINE__DOCKER_GPUS", text)
        (asked,) = container.host(STEPS["train"].resources, 2)["device_requests"]
        assert (asked["Count"], asked["DeviceIDs"], asked["Capabilities"]) == (count, ids, [["gpu"]])
    assert container.host(STEPS["evaluate"].resources, 2)["device_requests"] is None


def test_lines_are_whole_however_they_come():
    """A piece of a log may end anywhere, also inside a character."""
    assert list(lines([b"one\ntw", b"o\r\n", "zw\u00f6lf".encode()[:3], "zw\u00f6lf".encode()[3:]])) == [
        "one",
        "two",
        "zw\u00f6lf",
    ]


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until `condition` holds, and fail where it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
