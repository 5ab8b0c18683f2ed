"""Runs a step as a container, on any Docker engine that the worker reaches.

    the task's process ──► a container named after the task ──► tini ──► python -m featherline.tasks STEP
           │ follows its log                 │ outlives a worker that is killed
           │                                 └ the next try finds it by its name, and goes on following
           └ ends: the container and its files go; asked to end: 2 s of grace first

No user root, a root that cannot be written to, no capabilities, no new privileges, limits of memory, processors and
processes. Secrets are in the container's environment and exchange folder, never in what Airflow keeps or shows.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from airflow.providers.docker.operators.docker import DockerOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from featherline.airflow import deployment
from featherline.airflow.limits import resources
from featherline.airflow.operators import container
from featherline.airflow.operators.exchange import EXCHANGE, RESULT, USER, archive, only_file
from featherline.airflow.operators.images import check_pinned, image_of
from featherline.airflow.operators.mixin import LOG_TAIL_LINES, MOST_RESULT_BYTES, StepMixin, log_line
from featherline.airflow.retry import StepCrashedError, StepEndedError
from featherline.tasks.contracts.refusal import Problem, Refused
from featherline.tasks.contracts.request import Exit, Variable

if TYPE_CHECKING:
    from airflow.sdk import Context

GRACE_S = 2
"""Between TERM and KILL. Airflow kills the task's own process 5 s after it asked it to end."""
LARGEST_VARIABLE_BYTES = 100_000
"""Linux takes 128 KiB for one variable; a longer request goes by a file."""
ENGINE = "a Docker engine that answers ([featherline] docker_url)"
ENDED_BY_ITSELF = {Exit.DONE, Exit.REFUSED, Exit.SKIPPED}


class DockerStepOperator(StepMixin, DockerOperator):
    """Run a step as a container.

    Args:
        image: A reference with a digest or a tag; that of `featherline.airflow.operators.images` where absent.
    """

    template_fields: tuple[str, ...] = (*StepMixin.template_fields, "image")
    template_ext: tuple[str, ...] = ()

    def __init__(
        self,
        *,
        step: str,
        request: dict[str, Any],
        item: Any = None,  # noqa: ANN401 - whatever the task is mapped over
        item_name: str = "",
        fan_out: str = "",
        ends_run: str = "",
        image: str | None = None,
        **options: Any,  # noqa: ANN401 - Airflow's own
    ) -> None:
        super().__init__(
            image=image or image_of(step),
            docker_url=deployment.option("docker_url") or None,
            docker_conn_id=deployment.option("docker_connection") or None,
            mount_tmp_dir=False,
            multiple_outputs=not fan_out,
            **options,
        )
        self.step = step
        self.request = request
        self.item = item
        self.item_name = item_name
        self.fan_out = fan_out
        self.ends_run = ends_run
        self._question = b""
        self._place: dict[str, str] = {}
        self._limits = resources(step)
        self._ended = False

    def execute(self, context: Context) -> Any:  # noqa: ANN401 - outputs, or the list to map over
        """Run the step to its end, or follow the container that a killed worker left, and return what it gave.

        Raises:
            AirflowException: It did not end well (see `StepMixin.conclude`), or was ended from outside.
        """
        self._question = self.question()
        if (outputs := self.unchanged()) is not None:
            return self.give(context, outputs)
        try:
            check_pinned(self.step, self.image)
            container.check_reach(self.step)
            self._limits = resources(self.step, context["ti"].try_number)
        except Refused as refusal:
            raise AirflowFailException(str(refusal)) from None
        task = context["ti"]
        self._place = {name: str(getattr(task, name)) for name in ("dag_id", "run_id", "task_id", "map_index")}
        self.container_name = container.name_of(self.step, deployment.settings()[Variable.STORE], *self._place.values())
        try:
            self.cli.ping()
        except (AirflowException, DockerException, RequestException) as error:
            raise self._engine_error(ENGINE, error) from error
        try:
            outcome: Any = super().execute(context)  # pulls the image where it is not there, then `_run_image`
        except ImageNotFound as error:
            raise self._engine_error("an image that is there, or can be pulled", error) from error
        except (DockerException, RequestException, HTTPError) as error:
            if self._ended:
                raise StepEndedError(f"{self.step} was ended from outside") from error
            raise self._engine_error(ENGINE, error) from error
        return self.conclude(context, *outcome)

    def on_kill(self) -> None:
        """End the container within `GRACE_S` and remove all of it. Airflow calls it while `execute` waits."""
        self._ended = True
        if self.container_name:
            self.__dict__.pop("hook", None)  # the connection of `execute` may be in the middle of an answer
            self._remove(self.container_name)

    def _run_image(self) -> Any:  # noqa: ANN401 - exit code, answer, log: not what the provider's own gives
        image = container.identity(self.image, self.cli.inspect_image(self.image))
        asked = hashlib.sha256(image.encode() + self._question).hexdigest()
        try:
            identifier = self._left_behind(asked) or self._start(image, asked)
            log = self._follow(identifier)
            code = self._wait(identifier)
            if self._ended:
                raise StepEndedError(f"{self.step} was ended from outside")
            return code, self._answer(identifier), log
        finally:
            self._remove(self.container_name)

    def _left_behind(self, asked: str) -> str | None:
        """Return the container of an earlier try that was asked the same and runs or is done; remove any other."""
        try:
            left = self.cli.inspect_container(self.container_name)
        except NotFound:
            return None
        identifier, state = str(left["Id"]), left["State"]
        same = left["Config"]["Labels"].get(f"{container.LABEL}asked") == asked
        done = state["Status"] == "exited" and state["ExitCode"] == Exit.DONE
        if same and (state["Running"] or done):
            self.log.info("a worker that died left this container: %s, %s", self.container_name, state["Status"])
            return identifier
        self._remove(identifier)
        return None

    def _start(self, image: str, asked: str) -> str:
        command, files = [self.step], container.files(self.step)
        environment = container.environment(self.step, image, self._limits)
        if len(self._question) > LARGEST_VARIABLE_BYTES:
            files["request.json"] = self._question
            command += ["--request", f"{EXCHANGE}/request.json"]
        else:
            environment[Variable.REQUEST] = self._question.decode()
        labels = self._place | {"step": self.step, "asked": asked, "volume": container.volume()}
        host = container.host(self._limits, self.cli.info()["NCPU"])
        made = self.cli.create_container(
            image=self.image,
            command=command,
            name=self.container_name,
            user=f"{USER}:{USER}",
            environment=environment,
            labels={f"{container.LABEL}{name}": value for name, value in labels.items()},
            host_config=self.cli.create_host_config(**host),
        )
        identifier = str(made["Id"])
        if files:
            self.cli.put_archive(identifier, EXCHANGE, archive(files))
        if self._ended:  # asked to end while it was made
            raise StepEndedError(f"{self.step} was ended from outside")
        self.cli.start(identifier)
        return identifier

    def _follow(self, identifier: str) -> list[str]:
        """Show the log from its beginning until the container ends, and return its last lines."""
        tail: deque[str] = deque(maxlen=LOG_TAIL_LINES)
        with contextlib.suppress(NotFound):  # ended and removed by `on_kill`
            for line in map(log_line, lines(self.cli.logs(identifier, stream=True, follow=True))):
                tail.append(line)
                self.log.info("%s", line)
        return list(tail)

    def _wait(self, identifier: str) -> int:
        """Return the exit code when the container has ended, which its log may have done before."""
        while True:
            with contextlib.suppress(RequestException):  # no answer within the client's own patience
                self.cli.wait(identifier)
            state = self.cli.inspect_container(identifier)["State"]
            if not state["Running"]:
                code = int(state["ExitCode"])
                return int(Exit.OUT_OF_MEMORY) if state["OOMKilled"] and code not in ENDED_BY_ITSELF else code

    def _answer(self, identifier: str) -> bytes | None:
        try:
            chunks, _ = self.cli.get_archive(identifier, RESULT)
        except NotFound:
            return None
        return only_file(chunks, MOST_RESULT_BYTES)

    def _remove(self, identifier: str | None) -> None:
        """Leave nothing of a container, whatever it does, nor of its exchange folder."""
        with contextlib.suppress(NotFound):
            self.cli.stop(identifier, timeout=GRACE_S)
        try:
            self.cli.remove_container(identifier, v=True, force=True)
        except NotFound:
            return
        except APIError as error:
            if error.status_code != 409:  # noqa: PLR2004 - HTTP: somebody else removes it at this moment
                raise

    def _engine_error(self, expected: str, error: Exception) -> StepCrashedError:
        got = " ".join(str(error).split())[:400]
        fix = "start the engine, or correct the configuration; a container that it left is found again"
        return StepCrashedError(str(Problem(f"{self.step} cannot run as a container", expected, got, fix)))


def lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the lines of a log that comes in pieces of any length."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.decode("utf-8", "backslashreplace").rstrip() for line in whole)
    if rest:
        yield rest.decode("utf-8", "backslashreplace").rstrip()
