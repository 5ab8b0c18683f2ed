"""Runs a step as a pod.

    request ──► annotation ──► /featherline/files/request.json ──► tini -- python -m featherline.tasks STEP
                                                                      │ /airflow/xcom/return.json
    the task's process ◄── log, exit code, answer (by the sidecar) ◄──┘

A worker that dies leaves its pod running; the task's next try finds it by the identity that Airflow keeps of it, and
follows it to its end. Deferring is not offered: the provider loses an answer there (apache/airflow#72821).
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.providers.cncf.kubernetes.utils.pod_manager import EMPTY_XCOM_RESULT
from airflow.providers.cncf.kubernetes.utils.xcom_sidecar import PodDefaults
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from kubernetes.client import ApiException
from kubernetes.client import models as k8s

from featherline.airflow import deployment
from featherline.airflow.limits import resources
from featherline.airflow.operators import pod_environment, pod_parts
from featherline.airflow.operators.mixin import LOG_TAIL_LINES, StepMixin, log_line
from featherline.airflow.retry import StepCrashedError, StepEndedError
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.request import Exit, Variable

if TYPE_CHECKING:
    from airflow.sdk import Context

START_LIMIT_S = 900
"""For a node to come up and for an image of some gigabytes to be pulled."""
GRACE_S = 10
"""Between TERM and KILL; a step ends within two seconds."""
MOST_SENT_BYTES = 250_000
"""Kubernetes takes 256 KiB of annotations."""
FROM_OUTSIDE = "DisruptionTarget"
"""The condition of a pod that was evicted, preempted or lost with its node."""


class KubernetesStepOperator(StepMixin, KubernetesPodOperator):
    """Run a step as a pod of the tasks' image, with the limits of `featherline.airflow.limits` and no rights."""

    template_fields: Sequence[str] = ("request", "item")
    template_fields_renderers: ClassVar[dict[str, str]] = {"request": "json"}  # type: ignore[misc]

    def __init__(
        self,
        *,
        step: str,
        request: dict[str, Any],
        item: Any = None,  # noqa: ANN401 - whatever the task is mapped over
        item_name: str = "",
        fan_out: str = "",
        ends_run: str = "",
        **options: Any,  # noqa: ANN401 - Airflow's own, and the provider's
    ) -> None:
        pull_secret = deployment.option("kubernetes_pull_secret")
        chosen: dict[str, Any] = {
            "image": pod_parts.image(step),
            "image_pull_policy": "IfNotPresent",
            "image_pull_secrets": [k8s.V1LocalObjectReference(name=pull_secret)] if pull_secret else None,
            "namespace": deployment.option("kubernetes_namespace") or None,
            "service_account_name": deployment.option("kubernetes_service_account") or None,
            "automount_service_account_token": False,  # no step talks to the cluster
            "node_selector": pod_parts.node_selector(),
            "tolerations": pod_parts.tolerations(),
            "security_context": pod_parts.pod_security(),
            "container_security_context": pod_parts.container_security(),
            "xcom_sidecar_container_security_context": pod_parts.container_security(),
            "env_from": pod_environment.env_from(step),
            "startup_timeout_seconds": START_LIMIT_S,
            "termination_grace_period": GRACE_S,
            "log_events_on_failure": True,
            "log_pod_spec_on_failure": False,
            "on_finish_action": "delete_pod",
            "on_kill_action": "delete_pod",
            "durable": True,
        }
        super().__init__(
            **chosen | options,
            # An init, so that the step hears SIGTERM: process 1 itself would not.
            cmds=["tini", "--", "python", "-m", "featherline.tasks"],
            arguments=[step, "--request", pod_parts.REQUEST],
            labels={"app.kubernetes.io/name": "featherline", "app.kubernetes.io/component": step},
            name=f"featherline-{step.replace('_', '-')}",
            do_xcom_push=True,
            deferrable=False,
            multiple_outputs=not fan_out,
        )
        pod_parts.requirements(resources(step))  # a mistake in the configuration shows when the DAG is read
        pod_parts.variables(step, resources(step))
        self.step = step
        self.request = request
        self.item = item
        self.item_name = item_name
        self.fan_out = fan_out
        self.ends_run = ends_run
        self._sent: dict[str, str] = {}
        self._answer: bytes | None = None
        self._code: int | None = None
        self._cause = ""
        self._tail: deque[str] = deque(maxlen=LOG_TAIL_LINES)

    def execute(self, context: Context) -> Any:  # noqa: ANN401 - outputs, or the list to map over
        """Run the step to its end, or follow the pod of an earlier try to its end, and return what it gave.

        Raises:
            AirflowFailException: No retry can help: see `StepMixin.conclude`.
            StepCrashedError: The pod did not start, was taken away, or the step crashed.
        """
        question = self.question()
        if (outputs := self.unchanged()) is not None:
            return self.give(context, outputs)
        self._sent = self._fitting(pod_parts.files(self.step, question.decode()))
        self.log_formatter = self._keep
        failure: Exception | None = None
        try:
            super().execute(context)
        except (AirflowException, ApiException, ValueError) as error:
            failure = error
        if self._killed:
            raise StepEndedError(f"{self.step} was ended from outside")
        if isinstance(failure, AirflowFailException):
            raise failure
        if self._code is None or (self._code == Exit.DONE and failure):  # the answer is in the store: a retry is a hit
            raise StepCrashedError(f"the pod of {self.step} was lost: {self._cause or failure}") from failure
        return self.conclude(context, self._code, self._answer, list(self._tail))

    def build_pod_request_obj(self, context: Context | None = None, *, dry_run: bool = False) -> k8s.V1Pod:
        """Return the pod, with what is known only now: the request, this try's memory, the addresses.

        Raises:
            AirflowFailException: The configuration leaves the step without keys or without a shared store.
        """
        limits = resources(self.step, context["ti"].try_number if context else 1)
        try:
            plain = pod_parts.variables(self.step, limits) | pod_environment.addresses()
        except Refused as refusal:
            raise AirflowFailException(str(refusal)) from None
        plain[Variable.RESULT] = f"{PodDefaults.XCOM_MOUNT_PATH}/return.json"
        self.env_vars = pod_environment.environment(self.step, {str(name): value for name, value in plain.items()})
        self.annotations = pod_parts.annotated(self._sent.values())
        self.container_resources = pod_parts.requirements(limits)
        self.volumes, self.volume_mounts = pod_parts.volumes(self.step, limits, self._sent)
        if self.execution_timeout is not None:  # nobody may be left to end it
            self.active_deadline_seconds = int(self.execution_timeout.total_seconds()) + START_LIMIT_S
        return super().build_pod_request_obj(context, dry_run=dry_run)

    def extract_xcom(self, pod: k8s.V1Pod, *, ignore_kill_failure: bool = True) -> None:
        """Take the answer as it is, for `conclude` to judge; the provider itself has nothing to push."""
        answer = self.pod_manager.extract_xcom(pod, ignore_kill_failure=ignore_kill_failure)
        self._answer = None if answer.rstrip() == EMPTY_XCOM_RESULT else answer.encode()

    def cleanup(
        self,
        pod: k8s.V1Pod | None,
        remote_pod: k8s.V1Pod | None,
        xcom_result: dict[str, Any] | None = None,  # noqa: ARG002 - the provider calls by this name
        context: Context | None = None,
    ) -> None:
        """Note how the step ended before its pod is deleted."""
        if pod is None:  # none could be made
            return
        with contextlib.suppress(ApiException):  # it is gone, or nobody can say
            self._note_end(self.pod_manager.read_pod(pod))
        with contextlib.suppress(AirflowException):  # says that the pod failed; `execute` says how
            super().cleanup(pod, remote_pod, None, context)

    def _note_end(self, pod: k8s.V1Pod) -> None:
        status = pod.status
        disrupted = next(
            (one for one in status.conditions or () if one.type == FROM_OUTSIDE and one.status == "True"), None
        )
        ended = next(
            (
                one.state.terminated
                for one in status.container_statuses or ()
                if one.name == self.base_container_name and one.state and one.state.terminated
            ),
            None,
        )
        if disrupted or status.reason in {"Evicted", "DeadlineExceeded"}:
            self._cause = " ".join(filter(None, (status.reason, (disrupted or status).message)))
        elif ended is not None:
            # A child of the step may be the one that was killed: then the code is the step's own.
            self._code = Exit.OUT_OF_MEMORY if ended.reason == "OOMKilled" else ended.exit_code

    def _keep(self, container: str, line: str) -> str:  # noqa: ARG002 - the provider gives both
        shown = log_line(line)
        self._tail.append(shown)
        return shown

    def _fitting(self, files: dict[str, str]) -> dict[str, str]:
        size = sum(len(content.encode()) for content in files.values())
        if size > MOST_SENT_BYTES:
            raise self._fail(
                f"the request to {self.step} is too large for a pod",
                f"at most {MOST_SENT_BYTES} bytes in {len(files)} files",
                f"{size} bytes",
                "give the recipe fewer candidates" if len(files) == 1 else "keep fewer recipes in the folder",
            )
        return files
