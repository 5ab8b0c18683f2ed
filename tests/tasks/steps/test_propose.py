"""A recipe with `auto`, run by hand: real lanes on the digits, one epoch each, in rounds."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from featherline.tasks.contracts.auto import Auto, PipelinePoint
from featherline.tasks.contracts.device import Budget
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.request import Provenance, StepRecord, StepRequest
from featherline.tasks.planning.auto.outcomes import Outcome
from featherline.tasks.running.context import Context
from featherline.tasks.running.execute import execute
from featherline.tasks.steps.propose import allowance
from featherline.tasks.store.artifacts import Store

RECIPE = """
name: tiny
data: {source: digits, limit: 600, calibration_count: 100, checks: {min_examples: 100}}
model: {builder: resnet, options: {depth: 8, width: 16}}
train: {epochs: 1, batch_size: 64, checks: {min_quality: 0, min_slice_quality: 0}}
candidates:
  auto:
    rounds: 3
    lanes: 2
    keep_macs: [1, 0.5]
    teacher: [false]
    prune_epochs: [1]
    tune_epochs: [1]
    prune: {fit: {batch_size: 64}}
    quantize: {fit: {batch_size: 64}}
device: tiny
gate: {max_drop: 1, max_slice_drop: 1, measure: {runs: 20, warm_up: 1}}
release: {sign: false}
"""
DEVICE = "{name: tiny, description: A device., budget: {size_bytes: 1000000}}"


class Run:
    """A run of the recipe, step by step."""

    def __init__(self, store: Store) -> None:
        self.context = Context(store, provenance=Provenance(run_id="r", recipe="tiny"))
        resolved = self.step("resolve", params={"recipe": "tiny", "rounds": 3}).outputs
        self.params: dict[str, Any] = resolved["params"]
        self.data = self.step("preprocess").outputs["data"]
        self.teacher = self.step("train", data=self.data).outputs["model"]
        export = self.step("export", label="baseline", model=self.teacher, scheme="float32", data=self.data)
        self.baseline = self.step("evaluate", label="baseline", model=export.outputs["model"], data=self.data).outputs
        self.plan: dict[str, Any] = self.step("plan", model=self.teacher).outputs
        self.lanes: list[dict[str, Any]] = []
        self.statuses: dict[str, dict[str, str]] = {}

    def step(
        self,
        name: str,
        params: dict[str, Any] | None = None,
        candidate: dict[str, Any] | None = None,
        label: str = "",
        **inputs: Any,
    ) -> Any:
        """Run one step as the shell does, and leave its record."""
        given = {} if candidate else params if params is not None else self.params[name]
        request = StepRequest(inputs=inputs, params=given, candidate=candidate, label=label)
        result = execute(name, request, self.context, time.monotonic())
        label = str(candidate["name"]) if candidate else label
        record = StepRecord(**result.model_dump(exclude={"run_id", "label", "format"}), label=label)
        self.context.store.blobs.replace(f"runs/r/steps/{name}.{label}.json", record.to_json())
        return result

    def lane(self, candidate: dict[str, Any]) -> None:
        """Run a lane to its measurement."""
        done = {"prune": self.step("prune", candidate=candidate, model=self.teacher, data=self.data)}
        pruned = done["prune"].outputs["model"]
        both = {"model": pruned, "teacher": self.teacher, "data": self.data}
        done["quantize"] = self.step("quantize", candidate=candidate, **both)
        done["export"] = self.step("export", candidate=candidate, data=self.data, **done["quantize"].outputs)
        model = done["export"].outputs["model"]
        float_file = {"baseline": self.baseline["model"], "baseline_measurement": self.baseline["measurement"]}
        done["evaluate"] = self.step("evaluate", candidate=candidate, model=model, data=self.data, **float_file)
        self.statuses[candidate["name"]] = {name: result.status for name, result in done.items()}
        self.lanes.append(done["evaluate"].outputs)

    def propose(self, number: int, lanes: list[dict[str, Any]] | None = None, **changed: Any) -> Any:
        """Ask for a round, with the recipe's `auto` changed."""
        params = self.params["propose"]
        return self.step(
            "propose",
            params=params | {"auto": params["auto"] | changed},
            label=f"round-{number}",
            round=number,
            model=self.teacher,
            plan=self.plan,
            baseline=self.baseline,
            lanes=self.lanes if lanes is None else lanes,
        )

    def take(self, proposed: Any) -> None:
        """Run the lanes of a round."""
        self.plan = {**self.plan, "candidates": [*self.plan["candidates"], *proposed.outputs["candidates"]]}
        for candidate in proposed.outputs["candidates"]:
            self.lane(candidate)


def names(result: Any) -> list[str]:
    """Return the names of what was proposed."""
    return [candidate["name"] for candidate in result.outputs["candidates"]]


@pytest.fixture
def recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with the recipe and its device."""
    (tmp_path / "recipes" / "devices").mkdir(parents=True)
    (tmp_path / "recipes" / "tiny.yaml").write_text(RECIPE)
    (tmp_path / "recipes" / "devices" / "tiny.yaml").write_text(DEVICE)
    monkeypatch.setenv("FEATHERLINE_RECIPES", str(tmp_path / "recipes"))
    return tmp_path / "recipes"


@pytest.mark.usefixtures("recipes")
def test_a_recipe_searches_its_pipelines_in_rounds(store: Store):
    """Presets, then what they leave, upon prunings that were done before; then the space is used up.

    On the way: the same question gives the same answer from the cache, a goal that is met and a time that is spent end
    the search, and a lane that failed is not proposed again; what was pruned as far as it comes last.
    """
    run = Run(store)
    for candidate in run.plan["candidates"]:
        run.lane(candidate)
    second = run.propose(2)

    assert names(run.step("plan", model=run.teacher)) == ["auto-int8", "auto-macs0.5-e1-int8"]
    assert names(second) == ["auto-macs0.5-e1-int8-qat-t1", "auto-int8-qat-t1"]
    assert (again := run.propose(2)).status == "hit"
    assert again.outputs == second.outputs

    without = run.propose(2, lanes=run.lanes[:1])
    assert names(without) == ["auto-int8-qat-t1", "auto-macs0.5-e1-int8-qat-t1"]
    met = run.propose(2, goal={"size_bytes": 1_000_000})
    assert (met.outputs["candidates"], met.outputs["why"]) == ([], "auto-int8 meets the goal")
    assert run.propose(2, goal={"size_bytes": 1}).outputs["candidates"]
    late = run.propose(2, minutes=0.001)
    assert late.outputs["candidates"] == []
    assert late.outputs["why"].startswith("the time is used up")

    run.take(second)
    third = run.propose(3)

    assert run.statuses["auto-macs0.5-e1-int8"]["prune"] == "ran"
    assert run.statuses["auto-macs0.5-e1-int8-qat-t1"]["prune"] == "hit"
    assert third.outputs["candidates"] == []
    assert third.outputs["why"] == "every combination that can fit the device was tried"
    assert run.propose(4).status == "unchanged"

    verdict = run.step("validate_metrics", data=run.data, baseline=run.baseline, lanes=run.lanes).outputs["verdict"]
    chosen = run.step("select", verdict=verdict, baseline=run.baseline, lanes=run.lanes).outputs
    assert {ranked["name"] for ranked in chosen["ranking"]} == {one["name"] for one in run.plan["candidates"]}


@pytest.mark.usefixtures("recipes")
def test_more_rounds_than_the_pipeline_has_are_refused_at_the_door(store: Store):
    """With the option that would allow them; the pipeline's own number is fine."""
    context = Context(store)
    request = {"recipe": "tiny", "overrides": {"candidates.auto.rounds": 4}, "rounds": 3}

    with pytest.raises(Refused) as refused:
        execute("resolve", StepRequest(params=request), context, time.monotonic())

    (problem,) = refused.value.problems
    assert problem.what == "recipe tiny asks for more rounds than the pipeline has"
    assert problem.expected.startswith("candidates.auto.rounds: at most 3")
    assert problem.got == "4"


@pytest.mark.usefixtures("recipes")
@pytest.mark.parametrize(
    ("overrides", "what", "fix"),
    [
        ({"candidates.auto.round": 2}, "recipe tiny has no key candidates.auto.round", "did you mean rounds?"),
        (
            {"candidates.auto.prune": {"criterium": "l2"}},
            "candidates.auto has no key prune.criterium",
            "did you mean criterion?",
        ),
        (
            {"candidates.auto.students": ["searched"], "candidates.auto.distill_epochs": [3]},
            "candidates.auto has no searched student",
            "add a search to the recipe, or set candidates.auto.students: [baseline]",
        ),
        (
            {"candidates.auto": None},
            "recipe tiny cannot take candidates",
            "correct candidates in the recipe, or its override",
        ),
    ],
)
def test_a_wrong_space_is_refused_at_the_door(store: Store, overrides: dict[str, Any], what: str, fix: str):
    """Each mistake once, in the words of the recipe."""
    request = StepRequest(params={"recipe": "tiny", "overrides": overrides})

    with pytest.raises(Refused) as refused:
        execute("resolve", request, Context(store), time.monotonic())

    assert [(problem.what, problem.fix) for problem in refused.value.problems] == [(what, fix)]


def outcome(name: str, **said: Any) -> Outcome:
    """Give a lane that arrived and keeps every rule."""
    return Outcome(name, PipelinePoint(), **{"failed": False, "measured": {"size_bytes": 100.0}, **said})


@pytest.mark.parametrize(
    ("auto", "history", "spent_s", "lanes"),
    [
        ({}, [], 1e9, 4),
        ({"minutes": 2}, [outcome("a"), outcome("b")], 60.0, 2),
        ({"minutes": 2}, [outcome("a"), outcome("b")], 120.0, 0),
        ({"minutes": 2}, [outcome("a")], 61.0, 0),
        ({"minutes": 2}, [outcome("a", failed=True)], 60.0, 4),
        ({"goal": Budget(size_bytes=100)}, [outcome("a")], 0.0, 0),
        ({"goal": Budget(size_bytes=99)}, [outcome("a")], 0.0, 4),
        ({"goal": Budget(size_bytes=100)}, [outcome("a", violations={"max_drop": 0.001})], 0.0, 4),
        ({"goal": Budget(size_bytes=100)}, [outcome("a", violations={"max_drop": 0.0})], 0.0, 0),
        ({"goal": Budget(size_bytes=100)}, [outcome("a", failed=True)], 0.0, 4),
    ],
    ids=["no limit", "half", "spent", "no whole lane", "none arrived", "met", "missed", "broken", "edge", "failed"],
)
def test_a_round_has_as_many_lanes_as_goal_and_time_allow(
    auto: dict[str, Any], history: list[Outcome], spent_s: float, lanes: int
):
    """A lane is thought to take what those that arrived took; a goal is met only by a lane that keeps the rules."""
    assert allowance(Auto(**auto), history, spent_s)[0] == lanes
