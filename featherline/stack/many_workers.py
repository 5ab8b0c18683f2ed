"""Many workers on one machine: what the embedded stack has beside its three servers when it is asked for workers.

    scheduler ──► Redis (db 0) ──► worker1, worker2, … ──► python -m featherline.tasks STEP
         └──► PostgreSQL               └──► Redis (db 1): the study that search workers share

PostgreSQL and Redis are the machine's own programs (`tools/debian_packages.sh`), started here on loopback, with a
password and with their data under `var/`. PostgreSQL refuses to run as root; then it runs as its own user.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from redis import Redis, RedisError

from featherline.places import Places
from featherline.stack.ports import HOST
from featherline.stack.private import POSTGRES_USER, UMASK, close_var, private_folder
from featherline.stack.secrets import password_in
from featherline.stack.worker_name import VARIABLE
from featherline.tasks.contracts.base import Contract
from featherline.tasks.contracts.refusal import Refused, refuse
from featherline.whole_file import write_whole

OF_PROGRAM = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}
"""All that a program knows that runs as PostgreSQL's user, who can read it."""
FIX = "tools/debian_packages.sh (as root), or the packages postgresql and redis-server"
SILENT_S = 40
"""A task whose worker says nothing for so long is lost, and tried again. Airflow's own 300 s are for networks."""
PING = """
import os
from celery import Celery
answers = Celery(broker=os.environ["AIRFLOW__CELERY__BROKER_URL"]).control.ping(timeout=3)
print(*(name for answer in answers or () for name in answer))
"""
"""Costs a second; asking through Airflow's own command would cost five."""
REDELIVERY_S = 26 * 3600
"""Redis gives a message to another worker after this time: beyond the longest step, or it would run twice."""


class Ports(Contract):
    """Where the two servers listen."""

    postgres: int
    redis: int


def postgres(places: Places, port: int) -> list[str | Path]:
    """Return how PostgreSQL is called, its cluster made where there is none.

    Raises:
        Refused: It is not installed; its user may not enter the folder; the cluster cannot be made.
    """
    folder = places.var / "postgres"
    if not (folder / "data" / "PG_VERSION").exists():
        _make_cluster(places, folder, password_in(places.secrets, "postgres"))
    # Sockets in no folder: two stacks would meet in the system's.
    settings = ("listen_addresses=" + HOST, "unix_socket_directories=", "max_connections=200", "fsync=on")
    options = [word for setting in settings for word in ("-c", setting)]
    return [_postgres_program("postgres"), "-D", folder / "data", "-p", str(port), *options]


def postgres_user() -> str | None:
    """Return the user that PostgreSQL must run as; None for the one that starts it."""
    return POSTGRES_USER if os.geteuid() == 0 else None


def redis(places: Places, port: int) -> list[str | Path]:
    """Return how Redis is called, its configuration written: a password on a command line is for all to see.

    Raises:
        Refused: It is not installed.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise _absent("redis-server")
    folder = places.var / "redis"
    configuration = private_folder(folder) / "redis.conf"
    text = (
        f"bind {HOST}\nport {port}\ndir {folder}\nappendonly yes\nsave ''\n"
        f"requirepass {password_in(places.secrets, 'redis')}\n"
    )
    write_whole(configuration, text.encode())
    return [program, configuration]


def worker(places: Places, number: int) -> list[str | Path]:
    """Return how a worker is called: one step at a time, because each takes all cores that it finds."""
    name = worker_name(number)
    return [
        *(places.program("airflow", "airflow"), "celery", "worker"),
        *("--celery-hostname", name, "--concurrency", "1", "--skip-serve-logs", "--without-gossip"),
        *("--pid", places.airflow_home / f"{name}.pid"),
    ]


def worker_name(number: int) -> str:
    """Return the name of a worker, from 1."""
    return f"worker{number}"


def is_worker(name: str) -> bool:
    """Return whether a server of a stack is a worker."""
    return name.startswith(worker_name(0)[:-1])


def worker_environment(number: int) -> dict[str, str]:
    """Return what a worker has beside Airflow's variables."""
    return {VARIABLE: worker_name(number)}


def environment(places: Places, ports: Ports, workers: int) -> dict[str, str]:
    """Return what Airflow's variables become with these servers behind it."""
    records = f"postgresql+psycopg2://{POSTGRES_USER}:{password_in(places.secrets, 'postgres')}@{HOST}:{ports.postgres}"
    messages = f"redis://:{password_in(places.secrets, 'redis')}@{HOST}:{ports.redis}"
    settings = {
        "CORE__EXECUTOR": "CeleryExecutor",
        "CORE__HOSTNAME_CALLABLE": "featherline.stack.worker_name.worker_name",
        "DATABASE__SQL_ALCHEMY_CONN": f"{records}/postgres",  # the cluster has no other use
        "CELERY__BROKER_URL": f"{messages}/0",
        "CELERY__RESULT_BACKEND": f"db+{records}/postgres",
        "CELERY__WORKER_PREFETCH_MULTIPLIER": "1",  # a worker takes what it can run, and leaves the rest to others
        "CELERY__TASK_ACKS_LATE": "True",
        "CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": str(REDELIVERY_S),
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(SILENT_S),
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        # A worker that sees the pipes of its task close before the process has ended looks again after this long: by
        # Airflow's default an idle worker takes nothing for 5 s.
        "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "SCHEDULER__TASK_QUEUED_TIMEOUT": "90",  # what a dead worker had taken and not begun goes to another
        "SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
        "FEATHERLINE__STUDIES": f"{messages}/1",
        "FEATHERLINE__MAX_ACTIVE_TASKS": str(workers + 1),
    }
    return {f"AIRFLOW__{name}": value for name, value in settings.items()}


def postgres_answers(ports: Ports) -> bool:
    """Return whether PostgreSQL takes connections."""
    command = [str(_postgres_program("pg_isready")), "-q", "-h", HOST, "-p", str(ports.postgres)]
    return subprocess.run(command, env=OF_PROGRAM, check=False).returncode == 0


def redis_answers(ports: Ports, password: str) -> bool:
    """Return whether Redis lets its user in and answers a ping: one that hangs still takes connections."""
    client = Redis(host=HOST, port=ports.redis, password=password, socket_timeout=3, socket_connect_timeout=3)
    try:
        return bool(client.ping())
    except RedisError:
        return False
    finally:
        client.close()


def workers_that_answer(places: Places, environment: Mapping[str, str]) -> set[str]:
    """Return the names of the workers that answer a ping through Redis; also one that is busy does.

    Args:
        places: Of the stack.
        environment: Airflow's variables, which name the broker.
    """
    command = [str(places.program("airflow", "python")), "-c", PING]
    try:
        done = subprocess.run(command, env=dict(environment), capture_output=True, text=True, timeout=20, check=False)
    except subprocess.TimeoutExpired:
        return set()
    return {name.partition("@")[2] or name for name in done.stdout.split()}


def _make_cluster(places: Places, folder: Path, password: str) -> None:
    private_folder(folder)
    close_var(places)
    if postgres_user():
        owner = pwd.getpwnam(POSTGRES_USER)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        who = {"user": POSTGRES_USER, "group": POSTGRES_USER, "env": OF_PROGRAM}
        may_enter = subprocess.run(["test", "-w", str(folder)], **who, check=False)  # type: ignore[call-overload]
        if may_enter.returncode:
            raise refuse(
                "PostgreSQL cannot keep its data there",
                expected=f"a folder that the user {POSTGRES_USER} may enter: PostgreSQL does not run as root",
                got=str(folder),
                fix="name another with FEATHERLINE_VAR, or start the stack as another user than root",
            )
    # The password goes by a pipe of the user's own: in a command line all could read it, root's pipe it cannot open.
    command: list[str | Path] = [
        "bash",
        "-c",
        'exec "$@" --pwfile <(cat)',
        "bash",
        _postgres_program("initdb"),
        "-D",
        folder / "data",
    ]
    command += ["-U", POSTGRES_USER, "-A", "scram-sha-256", "-E", "UTF8", "--locale", "C.UTF-8"]
    done = subprocess.run(
        command,
        user=postgres_user(),
        group=postgres_user(),
        extra_groups=[] if postgres_user() else None,
        input=f"{password}\n",
        env=OF_PROGRAM,
        umask=UMASK,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        shutil.rmtree(folder / "data", ignore_errors=True)
        raise refuse(
            "PostgreSQL cannot make its cluster",
            expected=f"initdb to end with 0 in {folder}",
            got=f"{done.returncode}: {' '.join((done.stderr or done.stdout).split())[-300:]}",
            fix="mend what it says",
        )


def _postgres_program(name: str) -> Path:
    """Return a program of PostgreSQL; Debian keeps those of each version in a folder of their own, off the PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    found = versions[-1] if versions else shutil.which(name)
    if found is None:
        raise _absent("postgresql")
    return Path(found)


def _absent(program: str) -> Refused:
    return refuse(
        "the stack cannot have several workers",
        expected="PostgreSQL and Redis on this machine",
        got=f"no {program}",
        fix=FIX,
    )
