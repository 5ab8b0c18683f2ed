"""A whole run in one process: Airflow renders, maps, triggers and passes on; the steps give scripted answers.

One of two lanes and one of two search workers fail, so that every list has a single element: there Airflow would
give the element itself.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

RUN = """
import json, os, sys
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.models.dagbundle import DagBundleModel
from airflow.utils.session import create_session

bag = DagBag(sys.argv[1])
with create_session() as session:
    session.merge(DagBundleModel(name="dags-folder"))
    session.commit()
    sync_bag_to_db(bag, "dags-folder", None, session=session)
told = []
for scripted in json.loads(sys.argv[2]):
    os.environ |= {f"FEATHERLINE_TEST_{name.upper()}": value for name, value in scripted.items()}
    conf = {"seed": 7, "overrides": {"train.epochs": 5}} | json.loads(scripted.get("conf", "{}"))
    run = bag.dags["retrain_and_compress"].test(run_conf=conf)
    states = {f"{task.task_id}.{task.map_index}": task.state for task in run.get_task_instances()}
    told.append({"run": run.state, "run_id": run.run_id, "tasks": states})
print(json.dumps(told))
"""


AS_EVER = {"rounds": "1", "breaks": "fragile", "refuses": "", "unchanged": ""}
"""What the steps of a run do unless it says otherwise."""

ENDS: dict[str, tuple[dict[str, str], set[str]]] = {
    "nobody passed": ({"refuses": "select"}, {"data", "model", "metrics", "baseline", "verdict"}),
    "every lane failed": ({"refuses": "prune validate_metrics"}, {"data", "model", "metrics", "baseline"}),
    "a weak teacher": ({"refuses": "validate_model"}, {"data", "model", "metrics"}),
    "bad data": ({"refuses": "validate_data"}, {"data"}),
    "no recipe": ({"refuses": "resolve"}, set()),
}
"""How a run ends without a release, and what the report still knows of it."""

SKIPPED = {"unchanged": "yes"}
ALL_THE_SAME = SKIPPED | {"conf": json.dumps({"unchanged": "run"})}


class Flow:
    """What became of a run.

    Attributes:
        told: Of the run: its state, its name and the state of each task.
        home: The folder that it worked in.
        kept: Where the steps kept their requests.
    """

    def __init__(self, told: dict[str, Any], home: Path, kept: str) -> None:
        self.told = told
        self.home = home
        self.kept = home / kept

    def asked(self, step: str, label: str = "") -> dict[str, Any]:
        """Return the request that a step got."""
        request: dict[str, Any] = json.loads((self.kept / f"{step}.{label}.json").read_text())
        return request


def run(home: Path, *scripted: dict[str, str]) -> list[Flow]:
    """Run the pipeline, once for each of `scripted`, with an Airflow and a database of its own.

    Args:
        home: An empty folder.
        scripted: What the steps of each run do differently, see `scripted_step.py`.
    """
    scripts = [AS_EVER | {"asked": f"asked-{number}"} | one for number, one in enumerate(scripted)]
    tasks = home / "featherline" / "tasks"
    tasks.mkdir(parents=True)
    for package, real in ((tasks.parent, ROOT / "featherline"), (tasks, ROOT / "tasks")):
        (package / "__init__.py").write_text(f"__path__.append({str(real)!r})\n")
    shutil.copy(Path(__file__).with_name("scripted_step.py"), tasks / "__main__.py")
    (home / "recipes").mkdir()
    (home / "recipes" / "digits.yaml").touch()
    environment = os.environ | {
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__FEATHERLINE__HOME": str(home),
        "AIRFLOW__FEATHERLINE__PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT),
    }
    for command in (
        [sys.executable, "-m", "airflow", "db", "migrate"],
        [sys.executable, "-c", RUN, str(ROOT / "dags"), json.dumps(scripts)],
    ):
        done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-4000:]
    told = json.loads(done.stdout.splitlines()[-1])
    return [Flow(one, home, script["asked"]) for one, script in zip(told, scripts, strict=True)]


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory) -> list[Flow]:
    """Give all the runs below, one after another in one Airflow, which takes seconds to begin."""
    two_rounds = {"rounds": "2", "breaks": "fragile sturdy brittle"}
    return run(
        tmp_path_factory.mktemp("home"),
        {},
        two_rounds,
        *(scripted for scripted, _ in ENDS.values()),
        SKIPPED,
        ALL_THE_SAME,
    )


@pytest.fixture
def flow(flows: list[Flow]) -> Flow:
    """Give a run of a recipe with one round: one of its two lanes fails."""
    return flows[0]


@pytest.fixture
def two_rounds(flows: list[Flow]) -> Flow:
    """Give a run of a recipe with two rounds: all lanes of the first fail, and one of the second."""
    return flows[1]


@pytest.fixture
def ended(flows: list[Flow]) -> dict[str, Flow]:
    """Give a run for each of `ENDS`."""
    return dict(zip(ENDS, flows[2:-2], strict=True))


@pytest.fixture
def skipped(flows: list[Flow]) -> Flow:
    """Give a run in which `resolve` finds that nothing changed."""
    return flows[-2]


@pytest.fixture
def all_the_same(flows: list[Flow]) -> Flow:
    """Give a run that is told to run where nothing changed."""
    return flows[-1]


def test_a_failed_lane_and_a_dead_worker_stop_nobody(flow: Flow):
    """The run ends well; only what follows the two that failed did not run."""
    states = flow.told["tasks"]

    assert flow.told["run"] == "success"
    assert {name for name, state in states.items() if state == "failed"} == {"lanes.prune.0", "search.1"}
    assert {name for name, state in states.items() if state == "upstream_failed"} == {
        f"lanes.{step}.0" for step in ("distill", "trim", "quantize", "export", "evaluate")
    }
    assert states["promote.-1"] == "success"


@pytest.mark.parametrize(
    ("step", "name"), [("choose", "workers"), ("validate_metrics", "lanes"), ("select", "lanes"), ("report", "lanes")]
)
def test_the_one_that_arrived_comes_as_a_list_of_one(flow: Flow, step: str, name: str):
    """A step that takes many never meets a bare one."""
    assert [type(item) for item in flow.asked(step)["inputs"][name]] == [dict]


def test_each_lane_gets_its_own_candidate_and_what_its_lane_gave(flow: Flow):
    """A candidate's parameters are its own; the text `none` stays text."""
    asked = flow.asked("export", "sturdy")

    assert asked["candidate"]["name"] == "sturdy"
    assert asked["inputs"]["scheme"] == "float32"


def test_nothing_is_started_for_a_step_of_which_nothing_is_asked(flow: Flow):
    """`distill` and `trim` have no work in this lane: no process is started, and what they get goes on."""
    for step in ("distill", "trim"):
        with pytest.raises(FileNotFoundError):
            flow.asked(step, "sturdy")

    assert flow.asked("quantize", "sturdy")["inputs"]["model"]["macs"] == 100


def test_a_run_s_own_words_keep_their_types(flow: Flow):
    """A seed is a number, overrides are a mapping, and a digest of digits alone is text."""
    train = flow.asked("train")

    assert train["seed"] == 7
    assert train["provenance"] == {"run_id": flow.told["run_id"], "recipe": "digits", "recipe_sha256": "1" * 64}
    asked = {"recipe": "digits", "overrides": {"train.epochs": 5}, "rounds": 3, "unchanged": "skip"}
    assert flow.asked("resolve")["params"] == asked


def test_nothing_is_passed_on_as_nothing(flow: Flow):
    """Without a champion and without a search, the steps are told None."""
    for step in ("validate_metrics", "report", "promote"):
        assert flow.asked(step)["inputs"]["champion"] is None
    assert flow.asked("report")["inputs"]["trials"] is None


def test_the_baseline_is_exported_as_it_is(flow: Flow):
    """Float numbers, its own label, and outside every lane."""
    asked = flow.asked("export", "baseline")

    assert (asked["inputs"]["scheme"], asked["label"], asked["candidate"]) == ("float32", "baseline", None)


LANE = ("prune", "distill", "trim", "quantize", "export", "evaluate")


def test_a_recipe_with_one_round_has_nothing_started_for_the_others(flow: Flow):
    """The scheduler skips all of them; only the door before them was a task."""
    states = flow.told["tasks"]
    skipped = {name for name, state in states.items() if state == "skipped"}

    assert skipped == {"more_rounds.-1"} | {
        f"round_{number}.{task}.-1" for number in (2, 3) for task in ("propose", *(f"lanes.{step}" for step in LANE))
    }
    assert not list(flow.kept.glob("propose.*"))


def test_the_lanes_of_a_later_round_save_a_run_whose_first_round_fell_out(two_rounds: Flow):
    """They are measured, judged and reported as any lane, and the dead ones stop nobody."""
    states = two_rounds.told["tasks"]

    assert two_rounds.told["run"] == "success"
    assert {name for name, state in states.items() if state == "failed"} == {
        "search.1",
        "lanes.prune.0",
        "lanes.prune.1",
        "round_2.lanes.prune.1",
    }
    assert states["round_2.lanes.evaluate.0"] == states["promote.-1"] == "success"
    for step in ("validate_metrics", "select", "report"):
        assert [type(lane) for lane in two_rounds.asked(step)["inputs"]["lanes"]] == [dict]


def test_a_further_round_is_told_what_was_tried_and_what_arrived(two_rounds: Flow):
    """All candidates so far, and only the lanes that finished."""
    inputs = two_rounds.asked("propose", "round-2")["inputs"]

    assert inputs["round"] == 2
    assert [candidate["name"] for candidate in inputs["plan"]["candidates"]] == ["fragile", "sturdy"]
    assert inputs["lanes"] == []
    assert inputs["baseline"]["measurement"]["kind"] == "measurement"


def test_the_report_is_told_of_all_rounds(two_rounds: Flow):
    """Its plan is that of the run, not of the first round."""
    planned = two_rounds.asked("report")["inputs"]["plan"]

    assert [candidate["name"] for candidate in planned["candidates"]] == ["fragile", "sturdy", "second", "brittle"]


def test_a_round_beyond_the_recipe_s_own_is_answered_without_a_process(two_rounds: Flow):
    """Its proposer gives an empty list, and its lanes are skipped."""
    states = two_rounds.told["tasks"]

    assert states["round_3.propose.-1"] == "success"
    assert states["round_3.lanes.prune.-1"] == "skipped"
    assert not (two_rounds.kept / "propose.round-3.json").exists()


LATER = ("publish", "register", "approve", "promote")


@pytest.mark.parametrize("end", [end for end in ENDS if end != "no recipe"])
def test_a_run_that_releases_nothing_still_reports_and_is_still_red(ended: dict[str, Flow], end: str):
    """`report` runs and is told what is there, nothing after it runs, and the run has failed."""
    scripted, known = ENDS[end]

    states, inputs = ended[end].told["tasks"], ended[end].asked("report")["inputs"]

    assert ended[end].told["run"] == "failed"
    assert {states[f"{step}.-1"] for step in LATER} == {"upstream_failed"}
    assert states["report.-1"] == "success"
    assert states[f"{scripted['refuses'].split()[-1]}.-1"] == "failed"
    assert {name for name in ("data", "model", "metrics", "baseline", "verdict", "selection") if inputs[name]} == known
    assert bool(inputs["lanes"]) == (end == "nobody passed")


def test_a_run_without_a_recipe_reports_nothing(ended: dict[str, Flow]):
    """There is nothing to tell that the refusal of `resolve` does not say."""
    told = ended["no recipe"].told

    assert told["run"] == "failed"
    assert told["tasks"]["report.-1"] == "upstream_failed"


def test_where_nothing_changed_all_that_follows_is_skipped(skipped: Flow):
    """Whatever its trigger rule: in the grid it is Airflow's own colour of what was skipped, and the run ends well."""
    states = skipped.told["tasks"]

    assert skipped.told["run"] == "success"
    assert states.pop("resolve.-1") == "success"
    assert {"report.-1", "promote.-1", "lanes.evaluate.-1", "round_2.lanes.evaluate.-1", "approve.-1"} <= states.keys()
    assert set(states.values()) == {"skipped"}
    assert [path.name for path in skipped.kept.iterdir()] == ["resolve..json"]


def test_the_switch_runs_it_all_the_same(all_the_same: Flow):
    """`resolve` is told, and nothing is skipped that would not be in any run."""
    assert all_the_same.asked("resolve")["params"]["unchanged"] == "run"
    assert all_the_same.told["tasks"]["promote.-1"] == "success"
