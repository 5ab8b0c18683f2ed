"""What every runtime shares: the question to a step, and what its exit code and its answer mean.

    request (templated) ──► StepRequest as JSON ──► [a process, a container, a pod] ──► exit code, log, StepResult

    0 ──► its outputs, an XCom each    65, 139 ──► failed at once   99 ──► skipped   137 ──► one retry   else: retries

The log is for people. Only the result file is believed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    DownstreamTasksSkipped,
)
from pydantic import ValidationError

from featherline.airflow.retry import StepCrashedError, StepOutOfMemoryError
from featherline.airflow.steps import STEPS
from featherline.tasks.contracts.reading import unchanged
from featherline.tasks.contracts.refusal import Problem, from_validation
from featherline.tasks.contracts.request import Exit, StepRequest, StepResult
from featherline.tasks.contracts.safe_text import visible_lines
from featherline.tasks.contracts.stored import OtherFormat

if TYPE_CHECKING:
    from airflow.sdk import Context

MOST_RESULT_BYTES = 96 * 1024
"""Of an answer: references and numbers. A plan of eighty candidates fits."""
LOG_TAIL_LINES = 60
"""Of the log are kept for the message of a failure."""
LONGEST_LINE = 400
"""Of a log, in characters, in the message of a failure."""
SIGNALS = 128
"""A shell adds this to the number of the signal that ended a process; Python's Popen negates the number instead."""


class StepMixin:
    """A step's name and its templated request, and the rules for what comes back.

    Attributes:
        step: The file of `tasks/` to run.
        request: A `StepRequest` as a dict, with templates and XComArgs inside.
        item: The element of a mapped task, which goes into the inputs under `item_name`.
        item_name: The input that `item` is.
        fan_out: The output, a list, over which later tasks are mapped: Airflow maps only over a return value, so it
            becomes that. The other outputs are XComs of their own as ever.
        ends_run: The output that, where it is given, says that nothing more is to be done: what follows is skipped.
    """

    template_fields: Collection[str] = ("request", "item")
    template_fields_renderers: dict[str, str] = {"request": "json"}
    overwrite_rtif_after_execution = True
    ui_color = "#e8f1fb"

    step: str
    request: dict[str, Any]
    item: Any
    item_name: str
    fan_out: str
    ends_run: str
    log: Any

    def question(self) -> bytes:
        """Return the rendered request as JSON, and keep it, plain, as what the UI shows.

        Raises:
            AirflowFailException: It is no `StepRequest`.
        """
        self.request = plain(self.request)
        if self.item_name:
            self.request["inputs"] = self.request.get("inputs", {}) | {self.item_name: plain(self.item)}
        try:
            return StepRequest.model_validate(self.request).to_json()
        except ValidationError as error:
            raise AirflowFailException(str(from_validation(f"the request to {self.step}", error))) from None

    def unchanged(self) -> dict[str, Any] | None:
        """Return the outputs of a step of which the recipe asks nothing here, so that nothing is started for it."""
        outputs = unchanged(self.step, StepRequest.model_validate(self.request))
        if outputs is not None:
            self.log.info("%s unchanged: the recipe asks nothing of it here, so its input is its output", self.step)
        return outputs

    def conclude(self, context: Context, code: int, answer: bytes | None, log: Sequence[str]) -> Any:  # noqa: ANN401
        """Turn what a step left behind into the task's outcome.

        Args:
            context: Airflow's, to push XComs to.
            code: The exit code, as of a shell or of Popen.
            answer: The bytes of the result file, None where there is none.
            log: The last lines that the step printed.

        Returns:
            The outputs by name, each of which is an XCom too; of a `fan_out` the list alone.

        Raises:
            AirflowFailException: No retry can help.
            AirflowSkipException: The step skipped itself.
            StepCrashedError: A retry may help.
        """
        self._judge(code if code >= 0 else SIGNALS - code, log)
        return self.give(context, self._outputs(answer))

    def give(self, context: Context, outputs: dict[str, Any]) -> Any:  # noqa: ANN401
        """Return what the task gives: all outputs, or the list to map over beside an XCom for each output.

        Raises:
            AirflowFailException: The list is empty, of a step that has to give one.
            DownstreamTasksSkipped: Nothing more is to be done. The task itself is done, and what it gives is kept.
        """
        given = self._mapped(context, outputs) if self.fan_out else outputs
        if self.ends_run and outputs[self.ends_run]:
            self._end_run(context, given, outputs)
        return given

    def _end_run(self, context: Context, given: Any, outputs: dict[str, Any]) -> None:  # noqa: ANN401
        """Skip all that follows, whatever its trigger rule. Cleared by a person it runs: all that it reads is there.

        Airflow keeps no return value of a task that skips others, and SkipMixin would have it skipped again.
        """
        pushed = {"return_value": given} if self.fan_out else {**outputs, "return_value": given}
        for name, value in pushed.items():
            context["ti"].xcom_push(key=name, value=value)
        follows = sorted(task.task_id for task in context["task"].get_flat_relatives(upstream=False))
        self.log.info("nothing more is to be done: %d tasks that follow are skipped", len(follows))
        raise DownstreamTasksSkipped(tasks=follows)

    def _mapped(self, context: Context, outputs: dict[str, Any]) -> Any:  # noqa: ANN401
        items = outputs[self.fan_out]
        if not items and not STEPS[self.step].may_give_none:
            # Airflow would skip all that follows, and the run would end green with nothing done.
            raise self._fail(f"{self.step} gave no {self.fan_out}", "at least one", "an empty list", "see its log")
        for name, value in outputs.items():
            context["ti"].xcom_push(key=name, value=value)
        return items

    def _judge(self, code: int, log: Sequence[str]) -> None:
        if code == Exit.DONE:
            return
        if code == Exit.REFUSED:
            raise AirflowFailException(refusal(log) or f"{self.step} refused its input; its log says why")
        if code == Exit.UNAVAILABLE:
            raise StepCrashedError(refusal(log, "unavailable") or f"{self.step} waited in vain; its log says for what")
        if code == Exit.SKIPPED:
            raise AirflowSkipException(f"{self.step} skipped itself")
        if code == Exit.CONVERTER_DIED:
            raise self._fail(
                f"{self.step} died of a memory fault",
                "exit code 0",
                "139 (SIGSEGV)",
                "the same model kills it again: change the candidate's quantize or export, or report the model",
            )
        if code == Exit.OUT_OF_MEMORY:
            raise StepOutOfMemoryError(
                _message(
                    f"{self.step} was killed",
                    "memory for the step",
                    "137 (it ran out of memory, or got SIGKILL, as the kernel gives when memory runs out)",
                    "a smaller batch_size, fewer active tasks ([featherline] max_active_tasks), or more memory",
                )
            )
        last = next((line for line in reversed(log) if line.strip()), "nothing")
        raise StepCrashedError(f"{self.step} ended with exit code {code}; its last line: {last[:LONGEST_LINE]}")

    def _outputs(self, answer: bytes | None) -> dict[str, Any]:
        promise = "a StepResult at the path in FEATHERLINE_RESULT, written last"
        fix = "correct the step: this is its bug, and not the input's"
        if answer is None:
            raise self._fail(f"{self.step} left no result", promise, "exit code 0 and no file", fix)
        if len(answer) > MOST_RESULT_BYTES:
            raise self._fail(
                f"{self.step} left a result that is too large for an XCom",
                f"at most {MOST_RESULT_BYTES} bytes: references, not content",
                f"{len(answer)} bytes",
                "put what is large into the store, or give the recipe fewer candidates",
            )
        try:
            return StepResult.from_json(answer).outputs
        except OtherFormat as other:
            (problem,) = other.problems
            raise self._fail(f"{self.step} left a result that cannot be read", promise, problem.got, fix) from None
        except ValidationError as error:
            reason = error.errors(include_url=False, include_input=False)[0]["msg"]
            raise self._fail(f"{self.step} left a result that cannot be read", promise, reason, fix) from None

    @staticmethod
    def _fail(what: str, expected: str, got: str, fix: str) -> AirflowException:
        return AirflowFailException(_message(what, expected, got, fix))


def _message(what: str, expected: str, got: str, fix: str) -> str:
    return str(Problem(what, expected, got, fix))


def log_line(text: str) -> str:
    """Return a line that a step printed as Airflow's log may show it: visible, and no fold of the log's own making."""
    line = visible_lines(text.rstrip())
    return f" {line}" if line.startswith("::") else line  # `::group::` hides what follows, `::endgroup::` ends a fold


def refusal(log: Sequence[str], word: str = "refused") -> str:
    """Return the message that follows the last line `refused`, or another word, of a log; empty where there is none."""
    lines = [line.rstrip() for line in log]
    if word not in lines:
        return ""
    return "\n".join(lines[len(lines) - lines[::-1].index(word) :])


def plain(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return `value` with Airflow's lazy sequences and mappings as lists and dicts."""
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value
