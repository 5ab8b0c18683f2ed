"""Retrain a model, make it light, prove that it is still good, release it.

```text
resolve ► preprocess ─┬► validate_data ► train ► validate_model ─┐
                      └► dry_run, beside the training            │
      ┌──────────────────────────────────────────────────────────┘
      ├► baseline: export ► evaluate
      └► search ×W ► choose ► plan
                               │  one lane a candidate
                               ▼
      ┌ prune ► distill ► trim ► quantize ► export ► evaluate ┐ ×N
      └────────────────────────┬──────────────────────────────┘
                               │  where the recipe asks, round_2 and round_3:
                               │  propose ► lanes again
                               ▼
validate_metrics ► select ► report ► publish ► register ► approve ► promote
```

**Run it** with the trigger button: name a recipe, change single keys of it under *Overrides*. What has not changed
since an earlier run is not done again; the first line of a task's log says `hit`, or why it was none. Where nothing changed
at all since the last run, and its release is the champion still, `resolve` says so and all that follows is skipped;
*Where nothing changed* on the form runs it all the same.

**When a task is red**, read the last lines of its log: what was refused, what was expected, what was met, what to change.

| red task | what it means | what to do |
|---|---|---|
| `resolve` | the recipe, an override or the device is wrong; the store or the registry is out of reach | correct the key that it names; start the stack |
| `preprocess` | the data source is absent, empty, or has images that cannot be read | correct `data.source`; look at the files that it lists |
| `validate_data` | the data broke a rule: classes, duplicates, leakage, drift | open the verdict's page; repair the data, or change the rule in `data.checks` on purpose |
| `dry_run` | the network, or every candidate, cannot be had: a layer that no step can work with, a builder that cannot be stored; `train` ends for the same reason | change the network or the candidate that it names; clear `dry_run` and `train` |
| `train` | the training diverged, or its process was killed | lower the learning rate; give it memory. It goes on from its last epoch |
| `validate_model` | the float model is too weak to be a teacher | train longer; look at the curves. The lanes would have wasted their time |
| `search` | one worker died. The others go on, and `choose` takes what they found | nothing, unless all are red |
| `plan` | no candidate can fit the device | a larger budget, or lighter candidates |
| a task of `lanes` | this candidate failed. The others go on | read its log; clear the task to try it again |
| `propose` | its input is damaged; what earlier rounds found is judged all the same | read its log; clear it to go on |
| `validate_metrics` | a measurement is missing or not a number; every lane is red | look at the lanes first |
| `select` | no candidate passed the gate within the budget | it names the nearest one and the rule that it broke; `report` tells how far each was from passing |
| `publish`, `register` | the store, the signing key or the registry is out of reach | repair, then clear the task: both find what they did before |
| `approve` | nobody decided within three days | clear it to ask again. Rejecting is no failure: `promote` is skipped, as it is where nobody is to be asked of what is not proven |
| `promote` | the release does not verify, or the champion changed meanwhile | do not force it: find out who changed what |

A run that releases nothing still ends with `report`: why, the nearest candidates, and all that is known.

A task that was *refused* is not tried again; a crash is, once or twice; a task out of memory once. A task whose worker
or scheduler died under it is tried again all the same: Airflow shows many more tries than a step may crash.

**Owner**: featherline. **Schedule**: `[featherline] schedule` in Airflow's configuration: a cron string,
`asset:URI`, or nothing.
"""  # noqa: E501, RUF002 - the rows of a table are one line each, and the sign is meant

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import TaskGroup, TriggerRule, dag, task_group

from featherline.airflow import deployment
from featherline.airflow.assets import CHAMPION, announce_champion
from featherline.airflow.form import form
from featherline.airflow.operators.approve import ApproveOperator
from featherline.airflow.operators.factory import Task, earlier, earlier_joined, earlier_of_each, step, steps
from featherline.airflow.operators.only_if import OnlyIfOperator


@dag(
    schedule=deployment.schedule(),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    params=form(),
    default_args={"owner": "featherline"},
    max_active_runs=1,
    max_active_tasks=int(deployment.option("max_active_tasks", "4")),
    dagrun_timeout=timedelta(days=5),
    is_paused_upon_creation=False,
    render_template_as_native_obj=True,
    tags=["featherline", "compression"],
    doc_md=__doc__,
)
def retrain_and_compress() -> None:
    """Draw the flow."""
    rounds = deployment.rounds()
    resolve = step(
        "resolve",
        params=(
            "{{ {'recipe': params.recipe, 'overrides': params.overrides, 'unchanged': params.unchanged,"
            f" 'rounds': {rounds}}} }}}}"
        ),
        fan_out="workers",
        ends_run="unchanged",
    )
    champion = earlier("resolve", "champion")

    preprocess = step("preprocess")
    resolve >> preprocess
    dry_run = step("dry_run", inputs={"data": preprocess.output["data"]})
    validate_data = step("validate_data", inputs={"data": preprocess.output["data"]})
    data = validate_data.output["data"]
    train = step("train", inputs={"data": data})
    validate_model = step("validate_model", inputs={"model": train.output["model"], "metrics": train.output["metrics"]})
    teacher = validate_model.output["model"]

    @task_group
    def baseline() -> Task:
        export = step("export", inputs={"model": teacher, "scheme": "float32", "data": data}, label="baseline")
        return step("evaluate", inputs={"model": export.output["model"], "data": data}, label="baseline")

    measured: Task = baseline()

    search = steps(
        "search",
        over={"worker": resolve.output},
        inputs={"data": data},
        map_index_template="worker {{ task.item }}",
    )
    validate_model >> search
    choose = step("choose", inputs={"workers": search.output}, trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS)
    plan = step(
        "plan",
        inputs={
            "model": teacher,
            "architectures": choose.output["architectures"],
            "infeasible": dry_run.output["infeasible"],
        },
        fan_out="candidates",
    )

    @task_group
    def lanes(candidate: dict[str, Any]) -> None:
        def lane(name: str, **inputs: object) -> Task:
            return step(
                name,
                inputs=inputs,
                candidate=candidate,
                map_index_template="{{ task.request['candidate']['name'] }}",
            )

        prune = lane("prune", model=teacher, data=data)
        distill = lane("distill", teacher=teacher, student=prune.output["model"], data=data)
        trim = lane("trim", student=distill.output["model"], teacher=teacher, data=data)
        quantize = lane("quantize", model=trim.output["model"], teacher=teacher, data=data)
        export = lane(
            "export",
            model=quantize.output["model"],
            scheme=quantize.output["scheme"],
            data=data,
            stages=[teacher, prune.output["model"], distill.output["model"], trim.output["model"]],
            between=quantize.output["between"],
            teacher=teacher,
        )
        lane(
            "evaluate",
            model=export.output["model"],
            data=data,
            baseline=measured.output["model"],
            baseline_measurement=measured.output["measurement"],
        )

    later = tuple(f"round_{number}" for number in range(2, rounds + 1))
    arrived = earlier_of_each("lanes.evaluate", *(f"{group}.lanes.evaluate" for group in later))
    validate_metrics = step(
        "validate_metrics",
        inputs={
            "data": earlier("validate_data", "data"),
            "baseline": earlier("baseline.evaluate"),
            "lanes": arrived,
            "champion": champion,
        },
        trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS,
    )
    first = lanes.expand(candidate=plan.output)
    first >> validate_metrics
    if later:
        # `validate_metrics` cannot wait for the rounds themselves: by its rule one skipped lane would skip it.
        [plan, further_rounds(later, lanes, plan, first)] >> EmptyOperator(task_id="all_rounds") >> validate_metrics
    judged = {"verdict": validate_metrics.output["verdict"], "baseline": measured.output, "lanes": arrived}
    select = step("select", inputs=judged)
    report = step(
        "report",
        inputs={
            "data": earlier("preprocess", "data"),
            "model": earlier("train", "model"),
            "metrics": earlier("train", "metrics"),
            "baseline": earlier("baseline.evaluate"),
            "lanes": arrived,
            "verdict": earlier("validate_metrics", "verdict"),
            "plan": candidates_of("plan", *(f"{group}.propose" for group in later)),
            "selection": earlier("select"),
            "trials": earlier("choose", "trials"),
            "champion": champion,
        },
        trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS,
    )
    # Whatever became of the others, as long as there was a recipe: a run that releases nothing is told, too.
    [resolve, validate_metrics, select] >> report
    publish = step(
        "publish",
        inputs={
            "selection": select.output,
            "verdict": validate_metrics.output["verdict"],
            "report": report.output,
            "recipe": earlier("resolve", "recipe"),
            "data": data,
            "baseline": teacher,
        },
    )
    register = step("register", inputs={"release": publish.output["release"]})
    approve = ApproveOperator(
        task_id="approve",
        policy=earlier("resolve", "approve"),
        accept_unproven=earlier("resolve", "accept_unproven"),
        case={
            "selection": select.output,
            "registration": register.output["registration"],
            "brief": report.output["brief"],
        },
        response_timeout=timedelta(days=3),
    )
    promote = step(
        "promote",
        inputs={
            "registration": register.output["registration"],
            "release": register.output["release"],
            "champion": champion,
        },
        outlets=[CHAMPION],
        post_execute=announce_champion,
    )
    approve >> promote


def further_rounds(groups: Sequence[str], lanes: Any, plan: Task, first: Task) -> Task:  # noqa: ANN401 - Airflow's own
    """Draw the rounds after the first one, and return the task that comes after them, whatever became of them.

    In a recipe without them, all of it is skipped while the first round's lanes run, and nothing waits for it.
    """
    more_rounds = OnlyIfOperator(
        task_id="more_rounds",
        wanted="{{ ti.xcom_pull(task_ids='resolve', key='rounds') > 1 }}",
        otherwise="the recipe has one round of lanes",
    )
    plan >> more_rounds
    rounds_over = EmptyOperator(task_id="rounds_over", trigger_rule=TriggerRule.ALL_DONE)
    before, proposers, evaluated = [more_rounds, first], ["plan"], ["lanes.evaluate"]
    for number, group in enumerate(groups, start=2):
        with TaskGroup(group):
            propose = step(
                "propose",
                inputs={
                    "round": number,
                    "model": earlier("validate_model", "model"),
                    "architectures": earlier("choose", "architectures"),
                    "plan": candidates_of(*proposers),
                    "baseline": earlier("baseline.evaluate"),
                    "lanes": earlier_of_each(*evaluated),
                },
                label=group.replace("_", "-"),
                fan_out="candidates",
                trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS,
            )
            before >> propose
            again = lanes.expand(candidate=propose.output)
        again >> rounds_over
        before = [propose, again]
        proposers.append(f"{group}.propose")
        evaluated.append(f"{group}.lanes.evaluate")
    return rounds_over


def candidates_of(*proposers: str) -> dict[str, str]:
    """Return the plan of several rounds as one."""
    return {key: earlier_joined(proposers, key) for key in ("candidates", "infeasible")}


retrain_and_compress()
