"""The step factory: from a step's name to a task, whatever the runtime.

    data = step("preprocess")
    verdict = step("validate_data", inputs={"data": data.output["data"]})      the argument and the edge at once
    found = steps("search", over={"worker": resolve.output}, inputs={…})       one task an element

The runtime is a property of the deployment (`[featherline] runtime`), read when the DAG is parsed; a step may override
it. Its operator is imported only then, so that a laptop's DAG never waits for what a cluster needs.
"""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from featherline.airflow import deployment
from featherline.airflow.retry import LOST_TRIES, RetryByFailure
from featherline.airflow.steps import STEPS
from featherline.tasks.contracts.refusal import did_you_mean, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import XComArg

Task: TypeAlias = Any
"""An operator. Airflow's own types do not know that its output has items."""

OPERATORS = {
    "docker": "featherline.airflow.operators.docker_step.DockerStepOperator",
    "process": "featherline.airflow.operators.process_step.ProcessStepOperator",
    "kubernetes": "featherline.airflow.operators.kubernetes_step.KubernetesStepOperator",
}
"""The operator of each runtime, by its dotted name."""

RETRY_DELAY = timedelta(seconds=10)
LONGEST_RETRY_DELAY = timedelta(minutes=5)


def earlier(task_id: str, key: str = "return_value") -> str:
    """Return a template of what an earlier task gave, without an edge to it.

    For what is known to be there because it lies further up the same path: an edge would only clutter the drawing, or
    count in a trigger rule where it must not. A value that is not there renders as None.
    """
    return f"{{{{ ti.xcom_pull(task_ids='{task_id}', key='{key}') }}}}"


def earlier_of_each(*task_ids: str) -> str:
    """Return a template of the list of what each task of mapped groups gave, without an edge; the failed are absent.

    An XComArg of such a task would do for two elements or more, and give a single one bare instead of in a list; so
    would this template, were the name not in a list itself. A group without any answer gives None, which is left out.
    """
    return f"{{{{ ti.xcom_pull(task_ids={list(task_ids)}) | reject('none') | list }}}}"


def earlier_joined(task_ids: Sequence[str], key: str) -> str:
    """Return a template of the lists that several tasks gave under a key, as one list, without an edge.

    A task that was skipped has none.
    """
    return f"{{{{ ti.xcom_pull(task_ids={list(task_ids)}, key='{key}') | reject('none') | sum(start=[]) }}}}"


def params_of(name: str) -> str:
    """Return a template of a step's parameters as `resolve` froze them."""
    return f"{{{{ ti.xcom_pull(task_ids='resolve', key='params')['{name}'] }}}}"


def request(
    name: str,
    *,
    inputs: dict[str, Any] | None,
    params: dict[str, Any] | str | None,
    candidate: Any | None,  # noqa: ANN401 - a dict, or the element of a mapped group
    label: str,
) -> dict[str, Any]:
    """Return the templated `StepRequest` of a step.

    Each template is one expression that gives a dict, a number or a Boolean: Airflow reads every *string* here as a
    Python literal, so that a digest of digits alone would become a number, and an empty label None.
    """
    named = {"label": label} if label else {}
    return named | {
        "inputs": inputs or {},
        "params": {} if candidate is not None else params_of(name) if params is None else params,
        "candidate": candidate,
        "seed": "{{ params.seed }}",
        "provenance": (
            "{{ {'run_id': run_id, 'recipe': params.recipe,"
            " 'recipe_sha256': (ti.xcom_pull(task_ids='resolve', key='recipe') or {}).get('sha256')} }}"
        ),
        "ignore_cache": "{{ params.ignore_cache }}",
    }


def step(
    name: str,
    /,
    *,
    inputs: dict[str, Any] | None = None,
    params: dict[str, Any] | str | None = None,
    candidate: Any | None = None,  # noqa: ANN401 - a dict, or the element of a mapped group
    label: str = "",
    task_id: str | None = None,
    runtime: str | None = None,
    **options: Any,  # noqa: ANN401 - of the operator: Airflow's own, `fan_out`
) -> Task:
    """Return the task of one step.

    Args:
        name: The file of `tasks/`.
        inputs: What earlier steps gave, as XComArgs.
        params: The parameters; those that `resolve` froze where absent.
        candidate: The lane's candidate, which holds the parameters of each of its steps.
        label: Tells two tasks of one step apart in the store.
        task_id: The step's name where absent.
        runtime: That of the deployment where absent.
        options: Of the operator.

    Raises:
        Refused: There is no such runtime.
    """
    templated = request(name, inputs=inputs, params=params, candidate=candidate, label=label)
    return _operator(runtime)(request=templated, **_options(name, task_id) | options)


def steps(
    name: str,
    /,
    *,
    over: dict[str, XComArg],
    inputs: dict[str, Any] | None = None,
    task_id: str | None = None,
    runtime: str | None = None,
    **options: Any,  # noqa: ANN401 - of the operator
) -> Task:
    """Return one task of a step for each element of a list that an earlier task returns.

    Args:
        name: The file of `tasks/`.
        over: The input that differs, and the task's return value that it runs over.
        inputs: The inputs that all have in common.
        task_id: The step's name where absent.
        runtime: That of the deployment where absent.
        options: Of the operator.

    Raises:
        Refused: There is no such runtime.
    """
    ((item_name, items),) = over.items()
    templated = request(name, inputs=inputs, params=None, candidate=None, label="")
    common = _options(name, task_id) | {"request": templated, "item_name": item_name} | options
    return _operator(runtime).partial(**common).expand(item=items)


def _options(name: str, task_id: str | None) -> dict[str, Any]:
    retries, timeout = STEPS[name].tries
    return {
        "task_id": task_id or name,
        "step": name,
        "retries": retries + LOST_TRIES,
        "retry_delay": RETRY_DELAY,
        "retry_exponential_backoff": 2,  # so that the tries outlast an API server that is away for hours
        "max_retry_delay": LONGEST_RETRY_DELAY,
        "retry_policy": RetryByFailure(crashes=retries),
        "execution_timeout": timeout,
        "render_template_as_native_obj": True,
    }


def _operator(runtime: str | None) -> Any:  # noqa: ANN401 - a class that is known by its name only
    chosen = runtime or deployment.option("runtime", "process")
    if chosen not in OPERATORS:
        raise refuse(
            "the step factory has no such runtime",
            expected=f"[featherline] runtime: one of {', '.join(OPERATORS)}",
            got=chosen,
            fix=did_you_mean(chosen, OPERATORS),
        )
    module, _, name = OPERATORS[chosen].rpartition(".")
    return getattr(import_module(module), name)
