"""Runs a step as a child process of the worker, in the tasks' own virtual environment.

    the task's process ──► python -m featherline.tasks STEP, a session of its own ──► its children
           │ reads the log line by line        │ dies with the task's process (FEATHERLINE_PARENT)
           └ ends: TERM to all of them, 3 s, KILL to all of them

Nothing of the worker's environment reaches the step but what `INHERITED` names: no AIRFLOW__*, no PYTHONPATH. Of the
secrets it gets those that `featherline.tasks.contracts.secrecy` says it needs.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections import deque
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from featherline.airflow import deployment
from featherline.airflow.limits import resources, threads
from featherline.airflow.operators.mixin import LOG_TAIL_LINES, MOST_RESULT_BYTES, StepMixin, log_line
from featherline.airflow.retry import StepEndedError
from featherline.tasks.contracts.refusal import Problem
from featherline.tasks.contracts.request import Variable
from featherline.tasks.contracts.secrecy import for_step

if TYPE_CHECKING:
    from airflow.sdk import Context

INHERITED = frozenset(
    (
        *("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE"),
        *("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"),
        *("CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH"),
        *("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"),
    )
)
"""What a step may know of its machine. FEATHERLINE_* variables pass too, where they are no secret."""
GRACE_S = 3.0
"""Between TERM and KILL. Airflow kills the task's own process 5 s after it asked it to end."""
LARGEST_VARIABLE_BYTES = 100_000
"""Linux takes 128 KiB for one variable; a longer request goes by a file."""


class ProcessStepOperator(StepMixin, BaseOperator):
    """Run a step as a child process. Needs nothing but the tasks' virtual environment."""

    def __init__(
        self,
        *,
        step: str,
        request: dict[str, Any],
        item: Any = None,  # noqa: ANN401 - whatever the task is mapped over
        item_name: str = "",
        fan_out: str = "",
        ends_run: str = "",
        **options: Any,  # noqa: ANN401 - Airflow's own
    ) -> None:
        super().__init__(multiple_outputs=not fan_out, **options)
        self.step = step
        self.request = request
        self.item = item
        self.item_name = item_name
        self.fan_out = fan_out
        self.ends_run = ends_run
        self._process: subprocess.Popen[str] | None = None
        self._ended = False

    def execute(self, context: Context) -> Any:  # noqa: ANN401 - outputs, or the list to map over
        """Run the step to its end and return what it gave.

        Raises:
            AirflowException: It did not end well (see `StepMixin.conclude`), or was ended from outside.
        """
        question = self.question()
        if (outputs := self.unchanged()) is not None:
            return self.give(context, outputs)
        with tempfile.TemporaryDirectory(prefix=f"featherline-{self.step}-", ignore_cleanup_errors=True) as folder:
            result = Path(folder, "result.json")
            code, log = self._run(Path(folder), question, result)
            if self._ended:
                raise StepEndedError(f"{self.step} was ended from outside")
            return self.conclude(context, code, _head(result), log)

    def on_kill(self) -> None:
        """End the step and all its children within `GRACE_S`. Airflow calls it while `execute` waits."""
        self._ended = True
        if self._process is not None:
            _end(self._process)

    def _run(self, folder: Path, question: bytes, result: Path) -> tuple[int, list[str]]:
        """Return the exit code and the last lines of the log, when neither the step nor a child of it is left."""
        tail: deque[str] = deque(maxlen=LOG_TAIL_LINES)
        process = self._start(folder, question, result)
        reader = threading.Thread(target=self._read, args=(process.stdout, tail), daemon=True)
        try:
            reader.start()
            if self._ended:  # asked to end while it was starting
                _end(process)
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        finally:
            _end(process)
            code = process.wait()
            reader.join(GRACE_S)
        return code, list(tail)

    def _start(self, folder: Path, question: bytes, result: Path) -> subprocess.Popen[str]:
        command = [deployment.python(), "-m", "featherline.tasks", self.step]
        environment = self._environment(folder, result)
        if len(question) > LARGEST_VARIABLE_BYTES:
            request = folder / "request.json"
            request.write_bytes(question)
            command += ["--request", str(request)]
        else:
            environment[Variable.REQUEST] = question.decode()
        try:
            self._process = subprocess.Popen(
                command,
                cwd=deployment.home(),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="backslashreplace",
                start_new_session=True,
            )
        except OSError as error:
            raise AirflowFailException(
                str(
                    Problem(
                        f"{self.step} cannot be started",
                        "the interpreter of the tasks' environment ([featherline] python), run in [featherline] home",
                        f"{error.strerror}: {command[0]} in {deployment.home()}",
                        "make the environment, or correct the configuration",
                    )
                )
            ) from error
        return self._process

    def _environment(self, folder: Path, result: Path) -> dict[str, str]:
        inherited = {
            name: value for name, value in os.environ.items() if name in INHERITED or name.startswith("FEATHERLINE_")
        }
        own = {
            Variable.RESULT: str(result),
            "FEATHERLINE_PARENT": str(os.getpid()),
            "TMPDIR": str(folder),
        }
        inherited.pop(Variable.REQUEST, None)
        known = threads(resources(self.step)) | inherited | deployment.settings() | deployment.access()
        return for_step(self.step, known) | {str(name): own[name] for name in own}

    def _read(self, stream: IO[str] | None, tail: deque[str]) -> None:
        for line in stream or ():
            text = log_line(line)
            tail.append(text)
            self.log.info("%s", text)


def _head(path: Path) -> bytes | None:
    """Return the file's bytes, cut just beyond what an answer may have; None where there is no file."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return file.read(MOST_RESULT_BYTES + 1)


def _end(process: subprocess.Popen[str]) -> None:
    """Leave nothing of the process and its group. Does not reap it, so that its number cannot become another's."""
    with contextlib.suppress(ChildProcessError, ProcessLookupError):  # reaped already: nothing of it is left
        if not _is_over(process):
            os.killpg(process.pid, signal.SIGTERM)
            deadline = time.monotonic() + GRACE_S
            while not _is_over(process) and time.monotonic() < deadline:
                time.sleep(0.05)
        os.killpg(process.pid, signal.SIGKILL)


def _is_over(process: subprocess.Popen[str]) -> bool:
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
