"""How steps are called: as processes, with real steps, on a folder store."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from featherline.tasks.contracts.request import StepRecord, StepResult
from featherline.tasks.running.shell import main

DATA = {"name": "digits", "source": "digits", "limit": 150, "calibration_count": 20}
ARCHITECTURE = {"builder": "cnn", "options": {"widths": [4], "dense": 0}}
HEAVY = ("tensorflow", "tf_keras", "great_expectations", "matplotlib", "sklearn", "mlflow", "optuna")
WATCHED = """
import json, sys
from featherline.tasks.running.shell import main
code = main([sys.argv[1]])
print(json.dumps([name for name in sys.argv[2:] if name in sys.modules]))
sys.exit(code)
"""


class Ran(NamedTuple):
    """How a call ended and what it said."""

    code: int
    out: str
    error: str = ""


class Shell:
    """Calls steps as a deployment does: request and result by environment variables."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        """Use a store in this folder."""
        self.folder, self.monkeypatch, self.capsys = folder, monkeypatch, capsys
        self.result = folder / "result.json"

    def environment(self, request: dict[str, Any]) -> dict[str, str]:
        """Return the variables of a call."""
        return {
            "FEATHERLINE_STORE": str(self.folder / "store"),
            "FEATHERLINE_REQUEST": json.dumps(request),
            "FEATHERLINE_RESULT": str(self.result),
        }

    def call(self, step: str, request: dict[str, Any], **variables: str) -> Ran:
        """Run a step to its end in this process. The result of an earlier call is taken away first."""
        self.result.unlink(missing_ok=True)
        for name, value in (self.environment(request) | variables).items():
            self.monkeypatch.setenv(name, value)
        self.capsys.readouterr()
        code = main([step])
        return Ran(code, self.capsys.readouterr().out)

    def apart(self, step: str, request: dict[str, Any], *program: str) -> Ran:
        """Run a step to its end in a process of its own."""
        self.result.unlink(missing_ok=True)
        command = [sys.executable, *(program or ("-m", "featherline.tasks", step))]
        environment = os.environ | self.environment(request)
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    def modules(self, step: str, request: dict[str, Any]) -> list[str]:
        """Run a step in a process of its own and return which of the heavy libraries it imported."""
        ran = self.apart(step, request, "-c", WATCHED, step, *HEAVY)
        assert ran.code == 0, ran.out + ran.error
        found: list[str] = json.loads(ran.out.splitlines()[-1])
        return found

    def answer(self, step: str, request: dict[str, Any]) -> StepResult:
        """Run a step that must succeed and return its result."""
        ran = self.call(step, request)
        assert ran.code == 0, ran.out
        return self.found()

    def found(self) -> StepResult:
        """Return the result of the last call."""
        return StepResult.model_validate_json(self.result.read_bytes())

    def record(self, name: str, run_id: str = "by-hand") -> StepRecord:
        """Return what the run's folder says of a step."""
        path = self.folder / "store" / "runs" / run_id / "steps" / f"{name}.json"
        return StepRecord.model_validate_json(path.read_bytes())

    def results(self, step: str) -> list[Path]:
        """Return the kept results of a step."""
        return list((self.folder / "store" / "results" / step).glob("*.json"))


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """Give a shell with an empty store."""
    for name in [name for name in os.environ if name.startswith("FEATHERLINE_")]:
        monkeypatch.delenv(name)
    return Shell(tmp_path, monkeypatch, capsys)


def preprocess(**changes: Any) -> dict[str, Any]:
    """Return a request for `preprocess` of the bundled digits, with changes of the request or of its parameters."""
    given = {name: changes.pop(name) for name in list(changes) if name in ("test_fraction", "limit")}
    return {"params": DATA | given, "provenance": {"run_id": "run-1", "recipe": "digits"}} | changes


def test_a_step_answers_in_its_result_file(shell: Shell) -> None:
    """The result is whole, names real artifacts, and nothing else is left beside it."""
    result = shell.answer("preprocess", preprocess())

    sha256 = result.outputs["data"]["sha256"]
    assert (result.step, result.status, result.run_id) == ("preprocess", "ran", "run-1")
    assert (shell.folder / "store" / "artifacts" / sha256).is_file()
    assert not list(shell.folder.glob("*.part"))


def test_without_a_result_file_the_answer_is_printed(shell: Shell, tmp_path: Path) -> None:
    """By hand the request is a file, and the result comes last on stdout."""
    (tmp_path / "request.json").write_text(json.dumps(preprocess()))
    command = [sys.executable, "-m", "featherline.tasks", "preprocess", "--request", tmp_path / "request.json"]
    command += ["--store", shell.folder / "store"]

    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert json.loads(printed[printed.index("\n{") :])["status"] == "ran"


def test_the_same_question_is_a_hit(shell: Shell) -> None:
    """A later run finds the earlier one's result, says so, and its own record says so too."""
    first = shell.answer("preprocess", preprocess())

    ran = shell.call("preprocess", preprocess(provenance={"run_id": "run-2"}))

    second = shell.found()
    assert (second.status, second.key, second.outputs) == ("hit", first.key, first.outputs)
    assert second.run_id == "run-1"
    assert "preprocess: hit, made by run run-1" in ran.out
    assert shell.record("preprocess", "run-2").status == "hit"


def test_another_parameter_is_a_miss_that_says_so(shell: Shell) -> None:
    """The log and the result name the parameter with its two values; the first result stays."""
    shell.answer("preprocess", preprocess())

    ran = shell.call("preprocess", preprocess(test_fraction=0.3, seed=1))

    result = shell.found()
    assert result.status == "ran"
    assert result.reasons == ("params.test_fraction was 0.2, is 0.3", "seed was 0, is 1")
    assert "preprocess: miss\n  params.test_fraction was 0.2, is 0.3\n" in ran.out
    assert len(shell.results("preprocess")) == 2


def test_a_damaged_result_runs_again(shell: Shell) -> None:
    """A result that cannot be read is replaced by a new one."""
    first = shell.answer("preprocess", preprocess())
    (path,) = shell.results("preprocess")
    path.write_bytes(b'{"step": "prepro')

    second = shell.answer("preprocess", preprocess())

    assert (second.status, second.outputs) == ("ran", first.outputs)
    assert second.reasons[0].startswith("the result cannot be read")
    assert shell.answer("preprocess", preprocess()).status == "hit"


def test_a_lost_artifact_runs_again(shell: Shell) -> None:
    """A result whose artifact is gone is no hit; afterwards the artifact is there again."""
    first = shell.answer("preprocess", preprocess())
    artifact = shell.folder / "store" / "artifacts" / first.outputs["data"]["sha256"]
    artifact.unlink()

    second = shell.answer("preprocess", preprocess())

    assert second.status == "ran"
    assert second.reasons == (f"the store lost dataset {artifact.name[:12]}",)
    assert artifact.is_file()


def test_the_cache_can_be_ignored(shell: Shell) -> None:
    """A run that wants no hit of others runs the step, and a retry within it finds its own result."""
    shell.answer("preprocess", preprocess())
    fresh = preprocess(ignore_cache=True, provenance={"run_id": "run-2"})

    statuses = [shell.answer("preprocess", fresh).status for _ in range(2)]

    assert statuses == ["ran", "hit"]


def test_nothing_to_do_is_passed_on(shell: Shell) -> None:
    """A lane that prunes nothing hands its model on, imports nothing heavy, and is recorded under its name."""
    file = {"uri": "x", "sha256": "0" * 64, "bytes": 1, "kind": "model"}
    model = {"file": file, "parameters": 10, "macs": 10, "validation_quality": 0.9}
    data = {"uri": "x", "sha256": "1" * 64, "bytes": 1, "kind": "dataset"}
    request = {"inputs": {"data": data, "model": model}, "candidate": {"name": "plain", "prune": {"method": "none"}}}

    imported = shell.modules("prune", request)

    result = shell.found()
    assert (result.status, result.label) == ("unchanged", "plain")
    assert result.outputs["model"]["file"] == file
    assert imported == []
    assert shell.record("prune.plain").status == "unchanged"
    assert shell.results("prune") == []


@pytest.mark.parametrize(
    ("step", "request_", "what"),
    [
        (
            "preprocess",
            {"params": DATA | {"test_fracton": 0.3}},
            "the parameters of preprocess has no key test_fracton",
        ),
        (
            "preprocess",
            {"params": DATA | {"test_fraction": 1.5}},
            "the parameters of preprocess cannot take test_fraction",
        ),
        ("preprocess", {"params": {"name": "digits"}}, "the parameters of preprocess lacks source"),
        ("preprocess", {"params": DATA, "input": {}}, "the request has no key input"),
        ("preprocess", {"params": DATA, "inputs": {"x": 1}}, "the inputs of preprocess has no key x"),
        ("preprocess", {"params": DATA, "seed": -1}, "the request cannot take seed"),
    ],
)
def test_a_wrong_request_is_refused(shell: Shell, step: str, request_: dict[str, Any], what: str) -> None:
    """Exit 65, four parts on stdout, no traceback, no result."""
    ran = shell.call(step, request_)

    assert ran.code == 65
    assert ran.out.startswith(f"refused\n{what}\n  expected  ")
    assert "\n  got       " in ran.out
    assert "\n  fix       " in ran.out
    assert "Traceback" not in ran.out
    assert not shell.result.exists()


def test_a_typo_gets_the_nearest_name(shell: Shell) -> None:
    """The fix of an unknown parameter is the known one."""
    ran = shell.call("preprocess", {"params": DATA | {"test_fracton": 0.3}})

    assert "did you mean test_fraction?" in ran.out


def test_what_a_step_refuses_is_recorded(shell: Shell, tmp_path: Path) -> None:
    """A source that is not there: exit 65, and the run's folder says what was wrong, in its four parts."""
    request = preprocess()
    request["params"] = DATA | {"source": str(tmp_path / "nowhere")}

    ran = shell.call("preprocess", request)

    record = shell.record("preprocess", "run-1")
    assert ran.code == 65
    assert record.status == "refused"
    assert set(record.problems[0]) == {"what", "expected", "got", "fix"}
    assert record.problems[0]["what"] in ran.out
    assert shell.results("preprocess") == []


def test_without_a_store_nothing_runs(shell: Shell) -> None:
    """A deployment that names no store is told how to name one."""
    ran = shell.call("preprocess", preprocess(), FEATHERLINE_STORE="")

    assert ran.code == 65
    assert ran.out.startswith("refused\nthere is no store\n")


def test_a_crash_is_a_crash(shell: Shell) -> None:
    """An artifact that is gone is no wrong input: traceback, exit 1, no result, so that it is retried."""
    data = {"uri": "x", "sha256": "1" * 64, "bytes": 1, "kind": "dataset"}

    ran = shell.apart("validate_data", {"inputs": {"data": data}, "params": {"recipe": "digits"}})

    assert ran.code == 1
    assert "featherline.tasks.store.damage.Damaged: the store" in ran.error
    assert not shell.result.exists()


def test_a_hit_of_a_training_imports_no_tensorflow(shell: Shell) -> None:
    """The first call trains; the second answers without TensorFlow, and both answers are one."""
    data = shell.answer("preprocess", preprocess()).outputs["data"]
    request = {
        "inputs": {"data": data},
        "params": {"architecture": ARCHITECTURE, "fit": {"epochs": 1}},
        "provenance": {"run_id": "run-1", "recipe": "digits"},
    }
    first = shell.modules("train", request)
    trained = shell.found()

    second = shell.modules("train", request)

    again = shell.found()
    assert "tensorflow" in first
    assert second == []
    assert (trained.status, again.status) == ("ran", "hit")
    assert trained.outputs == again.outputs


def test_a_step_that_is_asked_to_end_ends(shell: Shell) -> None:
    """SIGTERM in the middle of a training: gone within two seconds, no result, nothing kept as done."""
    data = shell.answer("preprocess", preprocess()).outputs["data"]
    shell.result.unlink()
    fit = {"epochs": 5000, "patience": None}
    request = {"inputs": {"data": data}, "params": {"architecture": ARCHITECTURE, "fit": fit}}
    command = [sys.executable, "-m", "featherline.tasks", "train"]
    child = subprocess.Popen(command, env=os.environ | shell.environment(request), stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert any("ETA" in line for line in child.stdout)
        asked = time.monotonic()
        child.send_signal(signal.SIGTERM)
        child.wait(10)
    finally:
        child.kill()

    assert time.monotonic() - asked < 2
    assert child.returncode in {128 + signal.SIGTERM, -signal.SIGALRM}  # in order, or without ado on a busy machine
    assert not list(shell.folder.glob("result.json*"))
    assert shell.results("train") == []


def test_a_step_ends_with_the_one_that_asked_for_it(shell: Shell) -> None:
    """Where the caller dies without a word, its step does not go on training."""
    data = shell.answer("preprocess", preprocess()).outputs["data"]
    fit = {"epochs": 5000}
    request = {"inputs": {"data": data}, "params": {"architecture": ARCHITECTURE, "fit": fit}}
    caller = (
        "import os, subprocess, sys\n"
        "os.environ['FEATHERLINE_PARENT'] = str(os.getpid())\n"
        "command = [sys.executable, '-m', 'featherline.tasks', 'train']\n"
        "child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)\n"
        "next(line for line in child.stdout if 'ETA' in line)\n"
        "print(child.pid, flush=True)\n"
        "child.wait()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", caller], env=os.environ | shell.environment(request), stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    step = int(parent.stdout.readline())

    parent.kill()
    parent.wait()

    end = time.monotonic() + 5
    while _runs(step) and time.monotonic() < end:
        time.sleep(0.05)
    assert not _runs(step)


def _runs(process: int) -> bool:
    """Return whether a process runs; one that ended and was not waited for does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
