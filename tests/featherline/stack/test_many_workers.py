"""What a stack with workers has beside the others: real servers, and what one dead worker means."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from featherline.places import Places
from featherline.stack import many_workers, ports, processes
from featherline.stack.processes import Process
from featherline.stack.record import SERVERS, Stack
from featherline.stack.secrets import password_in
from featherline.tasks.contracts.refusal import Refused

HERE = Process(name="", pid=os.getpid(), started=processes.started_at(os.getpid()) or 0, boot=processes.boot_id())
GONE = HERE.model_copy(update={"started": HERE.started + 1})


def stack(*gone: str, workers: int = 2) -> Stack:
    """Return a stack of which all run but those."""
    names = (*SERVERS, "postgres", "redis", *(f"worker{number}" for number in range(1, workers + 1)))
    servers = tuple((GONE if name in gone else HERE).model_copy(update={"name": name}) for name in names)
    many = many_workers.Ports(postgres=1, redis=2) if workers else None
    return Stack(servers=servers, s3_port=3, mlflow_port=4, airflow_port=5, workers=workers, many=many)


@pytest.mark.parametrize(
    ("gone", "missed", "lost"),
    [
        ((), [], []),
        (("worker2",), [], ["worker2"]),
        (("worker1", "worker2"), ["worker1", "worker2"], ["worker1", "worker2"]),
        (("redis",), ["redis"], []),
        (("postgres", "mlflow", "worker1"), ["mlflow", "postgres"], ["worker1"]),
    ],
)
def test_one_worker_is_enough(gone: tuple[str, ...], missed: list[str], lost: list[str]):
    """Any other server that is gone, or the last worker, means that the stack is not up."""
    assert stack(*gone).gone() == missed
    assert stack(*gone).lost_workers() == lost


def test_a_stack_without_workers_misses_none():
    """Neither PostgreSQL nor Redis nor a worker belongs to it."""
    assert stack("postgres", "redis", workers=0).gone() == []


@pytest.fixture
def places() -> Iterator[Places]:
    """Give a folder that the user of PostgreSQL may enter, and end what was started in it."""
    if not (shutil.which("redis-server") and list(Path("/usr/lib/postgresql").glob("*/bin/postgres"))):
        pytest.skip(f"there is no PostgreSQL or no Redis: {many_workers.FIX}")
    folder = Path(tempfile.mkdtemp(prefix="featherline-records-"))
    folder.chmod(0o711)
    yield Places(var=folder / "var")
    shutil.rmtree(folder)


@pytest.fixture
def running(places: Places) -> Iterator[many_workers.Ports]:
    """Give PostgreSQL and Redis that answer."""
    first, second = ports.choose([None, None])
    found = many_workers.Ports(postgres=first, redis=second)
    started = [
        processes.start(
            name,
            command,
            environment={"PATH": os.environ["PATH"]},
            folder=places.var / name,
            log=places.log(name),
            user=user,
        )
        for name, command, user in (
            ("postgres", many_workers.postgres(places, found.postgres), many_workers.postgres_user()),
            ("redis", many_workers.redis(places, found.redis), None),
        )
    ]
    password = password_in(places.secrets, "redis")
    wait(lambda: many_workers.postgres_answers(found) and many_workers.redis_answers(found, password))
    yield found
    pids = [one.pid for one in started]
    processes.send(pids, signal.SIGINT)  # of PostgreSQL: at once, and in order
    assert processes.wait_for_end(pids, 10)


def wait(true: Callable[[], bool]) -> None:
    """Wait until a function says yes."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_both_servers_want_their_password(places: Places, running: many_workers.Ports):
    """With the one that Airflow's variables hold they open; with another, or none, they do not."""
    variables = many_workers.environment(places, running, 2)
    records = urlsplit(variables["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])
    studies = variables["AIRFLOW__FEATHERLINE__STUDIES"]

    def rows(password: str) -> str:
        command = [
            "psql",
            "-h",
            records.hostname or "",
            "-p",
            str(records.port),
            "-U",
            "postgres",
            "-Atc",
            "select 6*7",
        ]
        surroundings = {"PATH": os.environ["PATH"], "PGPASSWORD": password}
        done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    assert rows(records.password or "") == "42"
    assert rows("another") == ""
    assert redis.Redis.from_url(studies).ping()
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=running.redis).ping()


def test_redis_answers_only_who_has_its_password(places: Places, running: many_workers.Ports):
    """An open port is no answer."""
    password = password_in(places.secrets, "redis")

    assert many_workers.redis_answers(running, password)
    assert not many_workers.redis_answers(running, "another")
    assert not many_workers.redis_answers(running.model_copy(update={"redis": ports.choose([None])[0]}), password)


def test_the_servers_listen_on_loopback_alone(running: many_workers.Ports):
    """No other machine reaches them."""
    listening = {
        line.split()[1]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    }

    ours = {one for one in listening if int(one.split(":")[1], 16) in {running.postgres, running.redis}}
    assert {one.split(":")[0] for one in ours} == {"0100007F"}
    assert len(ours) == 2


def test_a_cluster_is_made_once(places: Places, running: many_workers.Ports):
    """The second start finds the first one's records."""
    made = (places.var / "postgres" / "data" / "PG_VERSION").stat().st_mtime_ns

    many_workers.postgres(places, running.postgres)

    assert (places.var / "postgres" / "data" / "PG_VERSION").stat().st_mtime_ns == made


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts PostgreSQL as another user")
def test_a_folder_that_its_user_may_not_enter_is_refused(places: Places):
    """PostgreSQL itself would say so in its log, behind a stack that does not start."""
    places.var.parent.chmod(0o700)

    with pytest.raises(Refused) as refusal:
        many_workers.postgres(places, 1)

    assert refusal.value.problems[0].what == "PostgreSQL cannot keep its data there"


def test_passwords_are_drawn_once_and_for_their_owner_alone(tmp_path: Path):
    """Another server has another one."""
    first = password_in(tmp_path / "secrets", "redis")

    assert password_in(tmp_path / "secrets", "redis") == first != password_in(tmp_path / "secrets", "postgres")
    assert (tmp_path / "secrets" / "redis-password").stat().st_mode & 0o077 == 0
