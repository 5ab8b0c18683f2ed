"""What every runtime promises, asked of each of them with real processes and real containers.

Pods keep the same promises; they are asked in `test_kubernetes_step.py`, where there is no cluster to run them on.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    AirflowTaskTimeout,
    DownstreamTasksSkipped,
)

from featherline.airflow.operators.mixin import MOST_RESULT_BYTES
from featherline.airflow.operators.process_step import LARGEST_VARIABLE_BYTES
from featherline.airflow.retry import StepCrashedError, StepOutOfMemoryError

Runtime = Any
Context = dict[str, Any]


def test_a_step_that_is_done_gives_its_outputs(runtime: Runtime, context: Context):
    """The outputs of the result file are the task's return value."""
    prune = runtime.operator('answer({"model": {"macs": 7}})')

    outputs = prune.execute(context)

    assert outputs == {"model": {"macs": 7}}
    assert prune.multiple_outputs is True


def test_the_step_is_asked_what_the_request_says(runtime: Runtime, context: Context):
    """The request reaches the step as a whole StepRequest, defaults filled in."""
    prune = runtime.operator(
        'answer({"request": request})', request={"inputs": {"data": "d"}, "seed": 3, "candidate": None}
    )

    asked = prune.execute(context)["request"]

    assert asked["inputs"] == {"data": "d"}
    assert asked["seed"] == 3
    assert asked["provenance"]["run_id"] == "by-hand"


def test_a_request_that_is_none_is_refused_before_a_process_starts(runtime: Runtime, context: Context):
    """A key that no StepRequest has is a mistake of the DAG, and no retry helps."""
    prune = runtime.operator("answer({})", request={"input": {}})

    with pytest.raises(AirflowFailException, match="the request to prune has no key input"):
        prune.execute(context)


def test_a_long_request_goes_by_a_file(runtime: Runtime, context: Context):
    """What no environment variable can hold reaches the step all the same."""
    script = """
        assert sys.argv[2] == "--request" and not request
        asked = json.loads(pathlib.Path(sys.argv[3]).read_text())
        answer({"length": len(asked["inputs"]["text"])})
    """
    prune = runtime.operator(script, request={"inputs": {"text": "x" * 2 * LARGEST_VARIABLE_BYTES}})

    assert prune.execute(context) == {"length": 2 * LARGEST_VARIABLE_BYTES}


def test_the_element_of_a_mapped_task_is_an_input(runtime: Runtime, context: Context):
    """A search worker finds its number among its inputs."""
    prune = runtime.operator("answer(request['inputs'])", request={"inputs": {"data": "d"}}, item=2, item_name="worker")

    assert prune.execute(context) == {"data": "d", "worker": 2}


def test_a_fan_out_returns_its_list_and_pushes_every_output(runtime: Runtime, context: Context):
    """Airflow maps over a return value alone; the other outputs are XComs of their own."""
    plan = runtime.operator('answer({"candidates": ["a", "b"], "infeasible": []})', fan_out="candidates")

    items = plan.execute(context)

    assert items == ["a", "b"]
    assert context["ti"] == {"candidates": ["a", "b"], "infeasible": []}
    assert plan.multiple_outputs is False


def test_a_fan_out_over_nothing_fails(runtime: Runtime, context: Context):
    """Airflow would skip all that follows, and the run would end green with nothing released."""
    plan = runtime.operator('answer({"candidates": []})', fan_out="candidates")

    with pytest.raises(AirflowFailException, match="prune gave no candidates"):
        plan.execute(context)


def test_a_round_without_a_candidate_is_an_answer(runtime: Runtime, context: Context):
    """`propose` may find nothing more to do: an empty list, also where no process is started for it."""
    propose = runtime.operator('answer({"candidates": [], "why": "the goal is met"})', fan_out="candidates")
    propose.step = "propose"

    assert propose.execute(context) == []
    assert context["ti"] == {"candidates": [], "why": "the goal is met"}


def test_an_output_that_ends_the_run_skips_what_follows(runtime: Runtime, context: Context):
    """What the task gives is kept, its return value too, so that whatever is cleared later finds it."""
    answer = 'answer({"workers": [0], "unchanged": {"run_id": "before"}})'
    with DAG("follows", schedule=None):
        resolve = runtime.operator(answer, fan_out="workers", ends_run="unchanged")
        resolve >> EmptyOperator(task_id="next") >> EmptyOperator(task_id="last", trigger_rule="all_done")

    with pytest.raises(DownstreamTasksSkipped) as skipped:
        resolve.execute(context | {"task": resolve})

    assert skipped.value.tasks == ["last", "next"]
    assert context["ti"] == {"workers": [0], "unchanged": {"run_id": "before"}, "return_value": [0]}


def test_without_that_output_the_run_goes_on(runtime: Runtime, context: Context):
    """None says that there is something to do."""
    resolve = runtime.operator('answer({"workers": [0], "unchanged": None})', fan_out="workers", ends_run="unchanged")

    assert resolve.execute(context) == [0]


REFUSAL = "prune cannot rank\n  expected  finite\n  got       3 NaN\n  fix       lower it"

FAILURES = {
    "refused": (f"print('epoch 1'); print('refused'); print({REFUSAL!r}); sys.exit(65)", AirflowFailException, REFUSAL),
    "refused without words": ("sys.exit(65)", AirflowFailException, "prune refused its input; its log says why"),
    "unavailable": (f"print('unavailable'); print({REFUSAL!r}); sys.exit(75)", StepCrashedError, REFUSAL),
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
def test_what_a_step_leaves_behind_decides(runtime: Runtime, context: Context, script: str, kind: type, message: str):
    """Each way to end badly has its exception, and so its retries, and its message."""
    prune = runtime.operator(script)

    with pytest.raises(AirflowException) as failure:
        prune.execute(context)

    assert type(failure.value) is kind
    assert str(failure.value).startswith(message)


@pytest.mark.parametrize("failure", ["no result", "no JSON", "memory fault by signal", "out of memory by signal"])
def test_our_own_messages_have_four_parts(runtime: Runtime, context: Context, failure: str):
    """What, expected, got, fix: also where the step itself said nothing."""
    prune = runtime.operator(FAILURES[failure][0])

    with pytest.raises(AirflowException) as raised:
        prune.execute(context)

    first, *others = str(raised.value).split("\n")
    assert first.startswith("prune ")
    assert [line.split()[0] for line in others] == ["expected", "got", "fix"]


@pytest.mark.parametrize(("bytes_over", "accepted"), [(0, True), (1, False)])
def test_an_answer_has_a_largest_size(runtime: Runtime, context: Context, bytes_over: int, accepted: bool):
    """At the limit an answer passes; a byte beyond it, it does not."""
    script = f"""
        path = pathlib.Path(os.environ["FEATHERLINE_RESULT"])
        answer({{"text": ""}})
        answer({{"text": "x" * ({MOST_RESULT_BYTES} + {bytes_over} - path.stat().st_size)}})
    """
    prune = runtime.operator(script)

    if accepted:
        assert set(prune.execute(context)) == {"text"}
    else:
        with pytest.raises(AirflowFailException, match="too large for an XCom"):
            prune.execute(context)


@pytest.mark.parametrize(
    ("step", "opens"), [("register", ["flow-secret", None]), ("prune", [None, None]), ("search", [None, "hush"])]
)
def test_secrets_reach_the_step_that_needs_them_and_nothing_else(
    runtime: Runtime, context: Context, monkeypatch: pytest.MonkeyPatch, step: str, opens: list[str | None]
):
    """Keys come from connections when the task runs; what Airflow shows of the task holds none of them."""
    store = {"conn_type": "aws", "login": "key-id", "password": "key-secret", "extra": {"endpoint_url": "http://s3:1"}}
    monkeypatch.setenv("AIRFLOW_CONN_FEATHERLINE_STORE", json.dumps(store))
    monkeypatch.setenv("AIRFLOW_CONN_FEATHERLINE_REGISTRY", "http://admin:flow-secret@127.0.0.1:5000")
    monkeypatch.setenv("AIRFLOW_CONN_FEATHERLINE_STUDIES", "redis://:hush@127.0.0.1:6379/1")
    for name in ("FEATHERLINE_SIGNING_KEY", "FEATHERLINE_HUB_TOKEN", "FEATHERLINE_DB"):
        monkeypatch.setenv(name, "postgresql://me:hush@db/db")
    prune = runtime.operator("answer(dict(os.environ))")
    prune.step = step

    seen = prune.execute(context)

    names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_S3", "FEATHERLINE_REGISTRY"]
    assert [seen[name] for name in names] == ["key-id", "key-secret", "http://s3:1", "http://127.0.0.1:5000"]
    studies = "redis://:hush@127.0.0.1:6379/1" if opens[1] else None
    assert [seen.get("MLFLOW_TRACKING_PASSWORD"), seen.get("FEATHERLINE_STUDIES")] == [opens[0], studies]
    hidden = [name for name, value in seen.items() if "hush" in value or "flow-secret" in value]
    assert len(hidden) == len([word for word in opens if word])
    shown = json.dumps([getattr(prune, field) for field in prune.template_fields])
    assert "secret" not in shown
    assert "secret" not in repr(vars(prune))


def test_the_log_has_both_streams_line_by_line(runtime: Runtime, context: Context, capsys: pytest.CaptureFixture[str]):
    """What a step prints is in the task's log, stderr too; no byte of it stops the log or moves a terminal."""
    prune = runtime.operator(
        "print('epoch 1', flush=True); sys.stderr.write('warned\\n'); sys.stderr.flush();"
        " sys.stdout.buffer.write(b'caf\\xe9\\nepoch 2\\n\\x1b[2Jcat\\n'); answer({})"
    )

    prune.execute(context)

    printed = capsys.readouterr().out
    assert re.findall(r"epoch \d|caf(?=\\xe9|\ufffd)", printed) == ["epoch 1", "caf", "epoch 2"]
    assert printed.count("warned") == 1
    assert "\\x1b[2Jcat" in printed
    assert "\x1b[2J" not in printed


def test_out_of_memory_is_told_from_a_crash(runtime: Runtime, context: Context):
    """A step that takes more than there is gets its one more try."""
    prune = runtime.operator(runtime.OUT_OF_MEMORY)

    with pytest.raises(StepOutOfMemoryError, match="prune was killed"):
        prune.execute(context)


def test_a_child_that_outlives_its_step_is_ended(runtime: Runtime, context: Context):
    """A process that a step forgot neither blocks the task nor stays."""
    prune = runtime.operator(runtime.STUBBORN.replace("time.sleep(60)\n", "answer({})\n"))
    started = time.monotonic()

    prune.execute(context)

    assert time.monotonic() - started < 10
    assert runtime.left() == []


def test_a_kill_leaves_nothing(runtime: Runtime, context: Context, alarm: Callable[..., None]):
    """A step and a child that both ignore SIGTERM are gone before Airflow would kill the task's own process."""
    prune = runtime.operator(runtime.STUBBORN)
    took = []

    def kill() -> None:
        started = time.monotonic()
        prune.on_kill()
        took.append(time.monotonic() - started)

    alarm(runtime.is_stubborn, kill)
    with pytest.raises(AirflowException, match="ended from outside"):
        prune.execute(context)

    assert took[0] < 5
    assert runtime.left() == []


def test_a_timeout_leaves_nothing(runtime: Runtime, context: Context, alarm: Callable[..., None]):
    """An exception out of nowhere, as Airflow's timeout raises it, ends the step before it goes on."""
    prune = runtime.operator(runtime.STUBBORN)

    def expire() -> None:
        raise AirflowTaskTimeout

    alarm(runtime.is_stubborn, expire)
    with pytest.raises(AirflowTaskTimeout):
        prune.execute(context)

    assert runtime.left() == []


def test_a_kill_before_the_start_starts_nothing_that_stays(runtime: Runtime, context: Context):
    """A task that was ended while it got ready does not begin to train."""
    prune = runtime.operator(runtime.STUBBORN)
    prune.on_kill()

    with pytest.raises(AirflowException, match="ended from outside"):
        prune.execute(context)

    assert runtime.left() == []


def test_a_kill_after_the_end_does_nothing(runtime: Runtime, context: Context):
    """What another task has started meanwhile is never touched."""
    prune = runtime.operator("answer({})")
    prune.execute(context)

    prune.on_kill()

    assert runtime.left() == []
