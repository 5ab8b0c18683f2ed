"""A run in which nothing would be done is found before it is done, and nothing else is taken for one.

`resolve`, `preprocess`, `publish`, `register` and `promote` really run; the results of the steps between them, which
would take minutes, are put where those steps would put them, under their true keys.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from featherline.tasks.contracts.reading import contract_of, read
from featherline.tasks.contracts.request import Provenance, StepRecord, StepRequest, StepResult, Variable
from featherline.tasks.contracts.steps.publish import PublishInputs
from featherline.tasks.releasing import unchanged
from featherline.tasks.releasing.registries.opening import open_registry
from featherline.tasks.releasing.registries.registry import Move
from featherline.tasks.running import makers, run_records, step_cache
from featherline.tasks.running.context import Context
from featherline.tasks.running.execute import execute, work_of
from featherline.tasks.running.makers import Made

RECIPE = """
name: small
data: {source: SOURCE, calibration_count: 2}
model: {builder: cnn, options: {widths: [4], dense: 0}}
candidates:
  small: {quantize: {scheme: int8}}
device: any
gate: {min_quality: 0.2}
release: {approve: never, accept_unproven: true}
"""
DEVICE = "{name: any, description: All fits., budget: {size_bytes: 1000000}}"


class Runs:
    """Runs of the recipe, one after another."""

    def __init__(self, context: Context, winner: Callable[..., PublishInputs]) -> None:
        self.context = context
        self.winner = winner
        self.begun = 0

    def begin(self, seed: int = 0, **params: Any) -> dict[str, Any]:
        """Begin a run, and return what `resolve` gives."""
        self.begun += 1
        provenance = Provenance(run_id=f"run-{self.begun}", recipe="small")
        self.context = replace(self.context, seed=seed, provenance=provenance)
        return self.step("resolve", {}, {"recipe": "small"} | params)

    def run(self, *, lanes: tuple[str, ...] = ("small",), promotes: bool = True) -> dict[str, Any]:
        """Run the recipe from `resolve` to `promote`, with a lane that arrives for each name."""
        world = self.begin()
        data = self.step("preprocess", {}, world["params"]["preprocess"])["data"]
        asked = self.winner().model_dump(mode="json")
        selection = asked["selection"]
        candidates = [{"name": "small"}]
        given = {"model": asked["baseline"]}
        self.put("plan", given, world["params"]["plan"], {"candidates": candidates})
        measured = {"model": selection["model"], "measurement": selection["measurement"]}
        for lane in ("baseline", *lanes):
            self.put("evaluate", {"model": selection["model"], "data": data}, {"candidate": lane}, measured, lane)
        release = self.step("publish", asked, world["params"]["publish"])["release"]
        registered = self.step("register", {"release": release}, {})
        del registered["done_before"]
        if promotes:
            self.step("promote", registered | {"champion": world["champion"]}, world["params"]["promote"])
        return world

    def twice(self) -> None:
        """Run it until a run begins with the champion that it leaves."""
        self.run()
        self.run()

    def step(self, step: str, inputs: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
        """Have a step done, as the shell has."""
        request = StepRequest(inputs=inputs, params=params, seed=self.context.seed, provenance=self.context.provenance)
        result = execute(step, request, self.context, time.monotonic())
        self.record(StepRecord(**result.model_dump(exclude={"run_id", "format"})))
        return dict(result.outputs)

    def put(
        self, step: str, inputs: dict[str, Any], params: dict[str, Any], outputs: dict[str, Any], label: str = ""
    ) -> None:
        """Leave what a step would leave that gave `outputs`."""
        request = StepRequest(inputs=inputs, params=params, label=label)
        key = work_of(step, *read(step, request), self.context).key
        contract = contract_of(step, "Outputs")
        given = contract.model_validate(outputs).model_dump(mode="json")
        result = StepResult(step=step, label=label, run_id="run", status="ran", key=key, seconds=1, outputs=given)
        if step_cache.keep(self.context.store, result, contract):
            makers.record(self.context.store, key, Made(step=step, request=request, artifacts=()))
        self.record(StepRecord(**result.model_dump(exclude={"run_id", "format"})))

    def record(self, record: StepRecord) -> None:
        """Say what became of a task of the run."""
        run_records.write(self.context.store, self.context.provenance.run_id, record)


@pytest.fixture
def source(fill: Callable[..., Path]) -> Path:
    """Give a folder of images."""
    return fill({"cat": 10, "dog": 10})


@pytest.fixture
def recipe(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the file of the recipe."""
    (tmp_path / "recipes" / "devices").mkdir(parents=True)
    (tmp_path / "recipes" / "devices" / "any.yaml").write_text(DEVICE)
    path = tmp_path / "recipes" / "small.yaml"
    path.write_text(RECIPE.replace("SOURCE", str(source)))
    monkeypatch.setenv(Variable.RECIPES, str(path.parent))
    return path


@pytest.fixture
def runs(context: Context, winner: Any, recipe: Path, keys: tuple[Path, Path]) -> Runs:
    """Give runs of the recipe."""
    assert recipe.is_file()
    assert keys
    return Runs(context, winner)


def test_a_run_that_would_do_nothing_is_told(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    """It names the run that it would repeat and the release that stands, and counts as a hit."""
    runs.twice()

    world = runs.begin()

    assert world["unchanged"]["run_id"] == "run-2"
    assert (world["unchanged"]["release"]["name"], world["unchanged"]["version"]) == ("small", "1")
    assert world["done_before"]
    assert "nothing changed since run run-2" in capsys.readouterr().out


def test_skipped_runs_are_skipped_again(runs: Runs) -> None:
    """A run that was skipped is none that the next is held against."""
    runs.twice()
    runs.begin()

    assert runs.begin()["unchanged"]["run_id"] == "run-2"


def test_the_first_run_is_done(runs: Runs) -> None:
    """There is nothing to hold it against."""
    assert runs.begin()["unchanged"] is None


def test_a_champion_that_the_run_made_itself_is_a_change(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    """The gate must judge against it, once."""
    runs.run()

    assert runs.begin()["unchanged"] is None
    assert "champion" in capsys.readouterr().out


def test_the_switch_runs_it_all_the_same(runs: Runs) -> None:
    """So does a cache that is ignored: nobody asks what the last run did."""
    runs.twice()

    assert runs.begin(unchanged="run")["unchanged"] is None
    request = StepRequest(params={"recipe": "small"}, ignore_cache=True, provenance=Provenance(run_id="anew"))
    assert execute("resolve", request, runs.context, time.monotonic()).outputs["unchanged"] is None


def _another_epoch(runs: Runs, recipe: Path, source: Path) -> str:  # noqa: ARG001 - one signature for all changes
    recipe.write_text(f"{recipe.read_text()}\ntrain: {{epochs: 3}}\n")
    return "params.train.fit.epochs was "


def _another_approval(runs: Runs, recipe: Path, source: Path) -> str:  # noqa: ARG001
    recipe.write_text(recipe.read_text().replace("approve: never", "approve: always"))
    return "recipe was "


def _another_image(runs: Runs, recipe: Path, source: Path) -> str:  # noqa: ARG001
    (source / "cat" / "11.png").write_bytes((source / "cat" / "0.png").read_bytes())
    return "preprocess has other work"


def _a_lost_result(runs: Runs, recipe: Path, source: Path) -> str:  # noqa: ARG001
    (key,) = runs.context.store.blobs.keys("results/plan/")
    runs.context.store.blobs.delete(key)
    return "plan: no result under this key"


def _a_lost_measurement(runs: Runs, recipe: Path, source: Path) -> str:  # noqa: ARG001
    store = runs.context.store
    store.blobs.delete(f"artifacts/{runs.winner().selection.model.golden.sha256}")
    return "evaluate small: the store lost golden"


def _a_lost_request(runs: Runs, recipe: Path, source: Path) -> str:  # noqa: ARG001
    (key,) = runs.context.store.blobs.keys("made/plan/")
    runs.context.store.blobs.delete(key)
    return "what plan was asked is not known any more"


def _a_damaged_release(runs: Runs, recipe: Path, source: Path) -> str:  # noqa: ARG001
    (key,) = (key for key in runs.context.store.blobs.keys("releases/") if key.endswith("MODEL_CARD.md"))
    runs.context.store.blobs.replace(key, b"better than it is")
    return "MODEL_CARD.md is not what was published"


def _a_release_without_signature(runs: Runs, recipe: Path, source: Path) -> str:  # noqa: ARG001
    (key,) = (key for key in runs.context.store.blobs.keys("releases/") if key.endswith(".sig"))
    runs.context.store.blobs.delete(key)
    return "is not signed"


def _a_newer_challenger(runs: Runs, recipe: Path, source: Path) -> str:  # noqa: ARG001
    registry = open_registry(runs.context)
    registry.set_alias("small", "challenger", Move(version="2"), expected="1")
    return "challenger was version 1, is version 2"


def _another_seed(runs: Runs, recipe: Path, source: Path) -> str:  # noqa: ARG001
    runs.context = replace(runs.context, seed=1)
    return "seed was 0, is 1"


CHANGES = [
    *(_another_epoch, _another_approval, _another_image, _another_seed),
    *(_a_lost_result, _a_lost_measurement, _a_lost_request),
    *(_a_damaged_release, _a_release_without_signature, _a_newer_challenger),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__.strip("_"))
def test_whatever_changed_is_told_and_the_run_is_done(
    runs: Runs, recipe: Path, source: Path, change: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    """One thing is different; what it is stands in the log."""
    runs.twice()
    reason = change(runs, recipe, source)

    assert runs.begin(seed=runs.context.seed)["unchanged"] is None
    assert reason in capsys.readouterr().out


def test_other_code_is_a_change(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of a step that had nothing to do in the last run, and so left no key."""
    runs.twice()
    code_of = unchanged.code_of
    monkeypatch.setattr(unchanged, "code_of", lambda step: code_of(step) | ({"new.py": "0"} if step == "trim" else {}))

    assert runs.begin()["unchanged"] is None


def test_another_champion_is_a_change(runs: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever moved the alias, forward or back: the run is done, and asks for its own."""
    runs.twice()
    release = runs.step("publish", runs.winner(1).model_dump(mode="json"), {"name": "small"})["release"]
    runs.step("register", {"release": release}, {})
    open_registry(runs.context).set_alias("small", "champion", Move(version="2"), expected="1")

    assert runs.begin()["unchanged"] is None
    assert "champion.version was 1, is 2" in capsys.readouterr().out


def _no_promotion(runs: Runs) -> str:
    runs.run(promotes=False)
    return "it made no champion"


def _a_lost_lane(runs: Runs) -> str:
    runs.run(lanes=())
    return "its lane small did not arrive"


def _a_refused_lane(runs: Runs) -> str:
    runs.run()
    runs.record(StepRecord(step="prune", label="other", status="refused", seconds=1, problems=({"what": "x"},)))
    return "prune other was refused"


def _a_dead_worker(runs: Runs) -> str:
    runs.run()
    runs.record(StepRecord(step="search", label="1", status="ran", key="0" * 64, seconds=1))
    return "a worker of its search died"


@pytest.mark.parametrize(
    "last", [_no_promotion, _a_lost_lane, _a_refused_lane, _a_dead_worker], ids=lambda last: last.__name__.strip("_")
)
def test_after_a_run_that_did_not_come_to_its_end_all_is_asked_for_again(
    runs: Runs, last: Callable[[Runs], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Though an earlier one did: the last alone is looked at."""
    runs.twice()
    runs.context.store.blobs.delete("last/small.json")
    reason = last(runs)

    assert runs.begin()["unchanged"] is None
    assert reason in capsys.readouterr().out


def test_a_task_that_is_cleared_does_not_skip_its_own_run(runs: Runs) -> None:
    """Whoever clears `resolve` with what follows it wants that to run."""
    runs.twice()
    runs.begun -= 1

    assert runs.begin()["unchanged"] is None


@pytest.mark.parametrize("told", [b"{", b'{"format": 99}', b'{"run_id": "run-2", "world": {}, "more": 1}'])
def test_a_damaged_note_of_the_last_run_is_none(runs: Runs, told: bytes) -> None:
    """The run is done, and the note written anew."""
    runs.twice()
    runs.context.store.blobs.replace("last/small.json", told)

    assert runs.begin()["unchanged"] is None
    assert unchanged.LastRun.from_json(runs.context.store.blobs.read("last/small.json") or b"").run_id == "run-3"
