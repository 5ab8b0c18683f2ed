"""The process runtime, against real child processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from featherline.airflow.limits import threads
from featherline.airflow.operators.process_step import INHERITED
from featherline.airflow.steps import STEPS

ROOT = Path(__file__).resolve().parents[3]
Runtime = Any
Context = dict[str, Any]


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


def test_an_interpreter_that_is_not_there_is_named(
    process_runtime: Runtime, context: Context, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """The message tells which path was tried and where it is set."""
    monkeypatch.setenv("AIRFLOW__FEATHERLINE__PYTHON", str(tmp_path / "no-python"))
    prune = process_runtime.operator("answer({})")

    with pytest.raises(AirflowFailException, match=r"\[featherline\] python(.|\n)*no-python"):
        prune.execute(context)


def test_a_step_knows_only_what_is_on_the_list(
    process_runtime: Runtime, context: Context, monkeypatch: pytest.MonkeyPatch
):
    """Nothing of Airflow, of its virtual environment or of the worker's own secrets reaches a step."""
    for name in ("AIRFLOW__CORE__FERNET_KEY", "PYTHONPATH", "VIRTUAL_ENV", "DATABASE_PASSWORD", "PYTHONSTARTUP"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    monkeypatch.setenv("FEATHERLINE_DATA", "/data")
    prune = process_runtime.operator("answer(dict(os.environ))")

    seen = prune.execute(context)

    foreign = {name for name in seen if name not in INHERITED and not name.startswith("FEATHERLINE_")}
    assert foreign <= {"TMPDIR", "LC_CTYPE", "__CF_USER_TEXT_ENCODING"}
    assert "secret" not in seen.values()
    assert (seen["HTTPS_PROXY"], seen["FEATHERLINE_DATA"]) == ("http://proxy:3128", "/data")
    assert seen["FEATHERLINE_PARENT"] == str(os.getpid())


def test_a_step_computes_with_as_many_threads_on_every_machine(
    process_runtime: Runtime, context: Context, monkeypatch: pytest.MonkeyPatch
):
    """As a container does: threads split sums, and so decide the last digits. A person's own number goes first."""
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    prune = process_runtime.operator(f"import os; answer({{name: os.environ.get(name) for name in {names}}})")

    as_said = prune.execute(context)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    as_asked = prune.execute(context)

    assert as_said == threads(STEPS["prune"].resources) == dict.fromkeys(names, "2")
    assert as_asked == as_said | {"OMP_NUM_THREADS": "7"}


def test_temporary_files_go_when_the_step_ends(process_runtime: Runtime, context: Context):
    """A step's temporary folder is the operator's, so that even a crash leaves none."""
    prune = process_runtime.operator("import tempfile; answer({'path': tempfile.mkdtemp()})")

    assert not Path(prune.execute(context)["path"]).exists()


def test_a_step_dies_with_the_task_process(process_runtime: Runtime, home: Path):
    """A worker that is killed outright leaves no training behind; the real shell asks the kernel for that."""
    process_runtime.operator("")
    package = home / "featherline"
    (package / "__init__.py").write_text(f"__path__.append({str(ROOT / 'featherline')!r})\n")
    (package / "tasks" / "__init__.py").write_text(f"__path__.append({str(ROOT / 'tasks')!r})\n")
    (package / "tasks" / "__main__.py").write_text(
        "import os, pathlib, time\nfrom featherline.tasks.running.shell import die_with_parent\ndie_with_parent()\n"
        "pathlib.Path('pids').write_text(str(os.getpid()))\ntime.sleep(60)\n"
    )
    script = (
        "from featherline.airflow.operators.process_step import ProcessStepOperator\n"
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
