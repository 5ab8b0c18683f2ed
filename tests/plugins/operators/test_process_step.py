"""The process runtime, against real child processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from plugins.operators.mixin import MOST_RESULT_BYTES
from plugins.operators.process_step import INHERITED, LARGEST_VARIABLE_BYTES
from plugins.retry import StepCrashedError, StepOutOfMemoryError

ROOT = Path(__file__).resolve().parents[3]
Make = Callable[..., Any]
Context = dict[str, Any]

STUBBORN = """
import signal, subprocess, time
child = subprocess.Popen(
    [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"]
)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path("pids").write_text(f"{os.getpid()} {child.pid}")
time.sleep(60)
"""
"""A step that ignores SIGTERM, as its child does."""


@pytest.fixture
def alarm() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Give a way to call something from a signal handler, as Airflow does, as soon as the stubborn step is up."""
    before = signal.getsignal(signal.SIGALRM)

    def when_up(action: Callable[[], None]) -> None:
        def tick(*_: object) -> None:
            if Path(os.environ["AIRFLOW__FEATHERLINE__HOME"], "pids").exists():
                signal.setitimer(signal.ITIMER_REAL, 0)
                action()

        signal.signal(signal.SIGALRM, tick)
        signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)

    yield when_up
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def alive(home: Path) -> list[int]:
    """Return which of the stubborn step's two processes still run."""
    pids = [int(pid) for pid in (home / "pids").read_text().split()]
    return [pid for pid in pids if Path(f"/proc/{pid}").exists() and "Z" not in state(pid)]


def state(pid: int) -> str:
    """Return the letter of a process's state; Z where it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


def test_a_step_that_is_done_gives_its_outputs(operator: Make, context: Context):
    """The outputs of the result file are the task's return value."""
    prune = operator('answer({"model": {"macs": 7}})')

    outputs = prune.execute(context)

    assert outputs == {"model": {"macs": 7}}
    assert prune.multiple_outputs is True


def test_the_step_is_asked_what_the_request_says(operator: Make, context: Context):
    """The request reaches the step as a whole StepRequest, defaults filled in."""
    prune = operator('answer({"request": request})', request={"inputs": {"data": "d"}, "seed": 3, "candidate": None})

    asked = prune.execute(context)["request"]

    assert asked["inputs"] == {"data": "d"}
    assert asked["seed"] == 3
    assert asked["provenance"]["run_id"] == "by-hand"


def test_a_request_that_is_none_is_refused_before_a_process_starts(operator: Make, context: Context):
    """A key that no StepRequest has is a mistake of the DAG, and no retry helps."""
    prune = operator("answer({})", request={"input": {}})

    with pytest.raises(AirflowFailException, match="the request to prune has no key input"):
        prune.execute(context)


def test_a_long_request_goes_by_a_file(operator: Make, context: Context):
    """What no environment variable can hold reaches the step all the same."""
    script = """
        assert sys.argv[2] == "--request" and not request
        asked = json.loads(pathlib.Path(sys.argv[3]).read_text())
        answer({"length": len(asked["inputs"]["text"])})
    """
    prune = operator(script, request={"inputs": {"text": "x" * 2 * LARGEST_VARIABLE_BYTES}})

    assert prune.execute(context) == {"length": 2 * LARGEST_VARIABLE_BYTES}


def test_the_element_of_a_mapped_task_is_an_input(operator: Make, context: Context):
    """A search worker finds its number among its inputs."""
    prune = operator("answer(request['inputs'])", request={"inputs": {"data": "d"}}, item=2, item_name="worker")

    assert prune.execute(context) == {"data": "d", "worker": 2}


def test_a_fan_out_returns_its_list_and_pushes_every_output(operator: Make, context: Context):
    """Airflow maps over a return value alone; the other outputs are XComs of their own."""
    plan = operator('answer({"candidates": ["a", "b"], "infeasible": []})', fan_out="candidates")

    items = plan.execute(context)

    assert items == ["a", "b"]
    assert context["ti"] == {"candidates": ["a", "b"], "infeasible": []}
    assert plan.multiple_outputs is False


def test_a_fan_out_over_nothing_fails(operator: Make, context: Context):
    """Airflow would skip all that follows, and the run would end green with nothing released."""
    plan = operator('answer({"candidates": []})', fan_out="candidates")

    with pytest.raises(AirflowFailException, match="prune gave no candidates"):
        plan.execute(context)


REFUSAL = "prune cannot rank\n  expected  finite\n  got       3 NaN\n  fix       lower it"

FAILURES = {
    "refused": (f"print('epoch 1'); print('refused'); print({REFUSAL!r}); sys.exit(65)", AirflowFailException, REFUSAL),
    "refused without words": ("sys.exit(65)", AirflowFailException, "prune refused its input; its log says why"),
    "skipped": ("sys.exit(99)", AirflowSkipException, "prune skipped itself"),
    "crashed": (
        "raise ValueError('no such layer')",
        StepCrashedError,
        "prune ended with exit code 1; its last line: ValueError: no such layer",
    ),
    "out of memory by signal": ("os.kill(os.getpid(), 9)", StepOutOfMemoryError, "prune was killed"),
    "out of memory by exit code": ("sys.exit(137)", StepOutOfMemoryError, "prune was killed"),
    "memory fault by signal": ("os.kill(os.getpid(), 11)", AirflowFailException, "prune died of a memory fault"),
    "memory fault by exit code": ("sys.exit(139)", AirflowFailException, "prune died of a memory fault"),
    "ended by a stranger": ("os.kill(os.getpid(), 15)", StepCrashedError, "prune ended with exit code 143"),
    "no result": ("print('all done')", AirflowFailException, "prune left no result"),
    "no JSON": (
        "pathlib.Path(os.environ['FEATHERLINE_RESULT']).write_text('{')",
        AirflowFailException,
        "prune left a result that cannot be read",
    ),
    "no result of a step": (
        "answer({}, status='fine')",
        AirflowFailException,
        "prune left a result that cannot be read",
    ),
    "an empty result": (
        "pathlib.Path(os.environ['FEATHERLINE_RESULT']).touch()",
        AirflowFailException,
        "prune left a result that cannot be read",
    ),
}


@pytest.mark.parametrize(("script", "kind", "message"), FAILURES.values(), ids=FAILURES)
def test_what_a_step_leaves_behind_decides(operator: Make, context: Context, script: str, kind: type, message: str):
    """Each way to end badly has its exception, and so its retries, and its message."""
    prune = operator(script)

    with pytest.raises(AirflowException) as failure:
        prune.execute(context)

    assert type(failure.value) is kind
    assert str(failure.value).startswith(message)


@pytest.mark.parametrize("failure", ["no result", "no JSON", "memory fault by signal", "out of memory by signal"])
def test_our_own_messages_have_four_parts(operator: Make, context: Context, failure: str):
    """What, expected, got, fix: also where the step itself said nothing."""
    prune = operator(FAILURES[failure][0])

    with pytest.raises(AirflowException) as raised:
        prune.execute(context)

    first, *others = str(raised.value).split("\n")
    assert first.startswith("prune ")
    assert [line.split()[0] for line in others] == ["expected", "got", "fix"]


@pytest.mark.parametrize(("bytes_over", "accepted"), [(0, True), (1, False)])
def test_an_answer_has_a_largest_size(operator: Make, context: Context, bytes_over: int, accepted: bool):
    """At the limit an answer passes; a byte beyond it, it does not."""
    script = f"""
        path = pathlib.Path(os.environ["FEATHERLINE_RESULT"])
        answer({{"text": ""}})
        answer({{"text": "x" * ({MOST_RESULT_BYTES} + {bytes_over} - path.stat().st_size)}})
    """
    prune = operator(script)

    if accepted:
        assert set(prune.execute(context)) == {"text"}
    else:
        with pytest.raises(AirflowFailException, match="too large for an XCom"):
            prune.execute(context)


def test_an_interpreter_that_is_not_there_is_named(
    operator: Make, context: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """The message tells which path was tried and where it is set."""
    monkeypatch.setenv("AIRFLOW__FEATHERLINE__PYTHON", str(tmp_path / "no-python"))
    prune = operator("answer({})")

    with pytest.raises(AirflowFailException, match=r"\[featherline\] python(.|\n)*no-python"):
        prune.execute(context)


def test_a_step_knows_only_what_is_on_the_list(operator: Make, context: Context, monkeypatch: pytest.MonkeyPatch):
    """Nothing of Airflow, of its virtual environment or of the worker's own secrets reaches a step."""
    for name in ("AIRFLOW__CORE__FERNET_KEY", "PYTHONPATH", "VIRTUAL_ENV", "DATABASE_PASSWORD", "PYTHONSTARTUP"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("FEATHERLINE_DATA", "/data")
    prune = operator("answer(dict(os.environ))")

    seen = prune.execute(context)

    foreign = {name for name in seen if name not in INHERITED and not name.startswith("FEATHERLINE_")}
    assert foreign <= {"TMPDIR", "LC_CTYPE", "__CF_USER_TEXT_ENCODING"}
    assert "secret" not in seen.values()
    assert (seen["HTTPS_PROXY"], seen["FEATHERLINE_DATA"]) == ("http://proxy:3128", "/data")
    assert seen["FEATHERLINE_PARENT"] == str(os.getpid())


def test_secrets_reach_the_step_and_nothing_else(operator: Make, context: Context, monkeypatch: pytest.MonkeyPatch):
    """Keys come from connections when the task runs; what Airflow shows of the task holds none of them."""
    store = {"conn_type": "aws", "login": "key-id", "password": "key-secret", "extra": {"endpoint_url": "http://s3:1"}}
    monkeypatch.setenv("AIRFLOW_CONN_FEATHERLINE_STORE", json.dumps(store))
    monkeypatch.setenv("AIRFLOW_CONN_FEATHERLINE_REGISTRY", "http://admin:flow-secret@127.0.0.1:5000")
    prune = operator("answer({name: os.environ.get(name) for name in request['inputs']['names']})")
    names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_S3", "FEATHERLINE_REGISTRY"]
    prune.request = {"inputs": {"names": [*names, "MLFLOW_TRACKING_PASSWORD"]}}

    seen = prune.execute(context)

    assert list(seen.values()) == ["key-id", "key-secret", "http://s3:1", "http://127.0.0.1:5000", "flow-secret"]
    shown = json.dumps([getattr(prune, field) for field in prune.template_fields])
    assert "secret" not in shown
    assert "secret" not in repr(vars(prune))


def test_the_log_has_both_streams_line_by_line(operator: Make, context: Context, capsys: pytest.CaptureFixture[str]):
    """What a step prints is in the task's log, stderr too, and bytes that are no UTF-8 do not stop it."""
    prune = operator(
        "print('epoch 1', flush=True); sys.stderr.write('warned\\n'); sys.stderr.flush();"
        " sys.stdout.buffer.write(b'caf\\xe9\\n'); answer({})"
    )

    prune.execute(context)

    printed = capsys.readouterr().out
    assert re.findall(r"epoch 1|warned|caf\\xe9", printed) == ["epoch 1", "warned", "caf\\xe9"]


def test_temporary_files_go_when_the_step_ends(operator: Make, context: Context):
    """A step's temporary folder is the operator's, so that even a crash leaves none."""
    prune = operator("import tempfile; answer({'path': tempfile.mkdtemp()})")

    assert not Path(prune.execute(context)["path"]).exists()


def test_a_child_that_outlives_its_step_is_ended(operator: Make, context: Context, home: Path):
    """A process that a step forgot neither blocks the task nor stays."""
    prune = operator(STUBBORN.replace("time.sleep(60)\n", "answer({})\n").replace("{os.getpid()} ", ""))
    started = time.monotonic()

    prune.execute(context)

    assert time.monotonic() - started < 10
    assert alive(home) == []


def test_a_kill_leaves_nothing(operator: Make, context: Context, home: Path, alarm: Callable[..., None]):
    """A step and a child that both ignore SIGTERM are gone before Airflow would kill the task's own process."""
    prune = operator(STUBBORN)
    took = []

    def kill() -> None:
        started = time.monotonic()
        prune.on_kill()
        took.append(time.monotonic() - started)

    alarm(kill)
    with pytest.raises(AirflowException, match="ended from outside"):
        prune.execute(context)

    assert took[0] < 5
    assert alive(home) == []


def test_a_timeout_leaves_nothing(operator: Make, context: Context, home: Path, alarm: Callable[..., None]):
    """An exception out of nowhere, as Airflow's timeout raises it, ends the step before it goes on."""
    prune = operator(STUBBORN)

    def expire() -> None:
        raise TimeoutError

    alarm(expire)
    with pytest.raises(TimeoutError):
        prune.execute(context)

    assert alive(home) == []


def test_a_kill_before_the_start_starts_nothing_that_stays(operator: Make, context: Context, home: Path):
    """A task that was ended while it got ready does not begin to train."""
    prune = operator(STUBBORN)
    prune.on_kill()

    with pytest.raises(AirflowException, match="ended from outside"):
        prune.execute(context)

    assert not (home / "pids").exists() or alive(home) == []


def test_a_kill_after_the_end_does_nothing(operator: Make, context: Context):
    """A number that the kernel gave to another process meanwhile is never signalled."""
    prune = operator("answer({})")
    prune.execute(context)

    prune.on_kill()


def test_a_step_dies_with_the_task_process(operator: Make, home: Path):
    """A worker that is killed outright leaves no training behind; the real shell asks the kernel for that."""
    operator("")
    (home / "tasks" / "__init__.py").write_text(f"__path__.append({str(ROOT / 'tasks')!r})\n")
    (home / "tasks" / "__main__.py").write_text(
        "import os, pathlib, time\nfrom tasks.shell import die_with_parent\ndie_with_parent()\n"
        "pathlib.Path('pids').write_text(str(os.getpid()))\ntime.sleep(60)\n"
    )
    script = (
        "from plugins.operators.process_step import ProcessStepOperator\n"
        "ProcessStepOperator(task_id='prune', step='prune', request={}).execute({})"
    )
    worker = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})
    wait_for((home / "pids").exists)
    running = alive(home)

    worker.kill()
    worker.wait()

    wait_for(lambda: not alive(home))
    assert len(running) == 1


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until `condition` holds, and fail where it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
