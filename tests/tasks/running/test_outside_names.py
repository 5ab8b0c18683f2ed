"""A writer of the store plants results and records: nothing is imported, read or done that the recipe does not name."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import pytest

from featherline.tasks.contracts.base import canonical_json, digest
from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.reading import contract_of
from featherline.tasks.contracts.references import DatasetRef, RecipeRef
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.request import Provenance, StepRequest, Variable
from featherline.tasks.contracts.steps.plan import PlanParams
from featherline.tasks.contracts.steps.resolve import ResolveInputs, ResolveParams
from featherline.tasks.planning.expand import lanes
from featherline.tasks.running import makers
from featherline.tasks.running.context import Context
from featherline.tasks.running.execute import execute
from featherline.tasks.running.makers import Made
from featherline.tasks.running.outside_names import check_names, outside_names, recipe_key
from featherline.tasks.steps.resolve import resolve
from featherline.tasks.store.damage import Damaged

PLANTED = "planted_builder:net"


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the file that an importable module writes when it is imported."""
    seen = tmp_path / "imported"
    (tmp_path / "planted_builder.py").write_text(f"open({str(seen)!r}, 'w').close()\ndef net(shape, classes): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "planted_builder", raising=False)
    return seen


def in_a_run(context: Context, recipe: dict[str, Any]) -> Context:
    """Return the context of a run of this recipe."""
    data = canonical_json(recipe)
    context.store.put_bytes(data, RecipeRef)
    return Context(context.store, 0, Provenance(run_id="run-1", recipe="digits", recipe_sha256=digest(data)))


REQUESTS = {
    "train": {"architecture": {"builder": PLANTED}},
    "train a file": {"file": "planted.keras"},
    "preprocess": {"name": "d", "source": "planted-folder"},
}


@pytest.mark.parametrize("kind", ["train", "train a file", "preprocess"])
def test_what_no_recipe_names_is_not_taken(
    context: Context, digits: tuple[DatasetRef, Dataset], planted: Path, kind: str
) -> None:
    """A builder is not even imported, a file and a folder are not looked at: a planted result may give parameters."""
    run = in_a_run(context, {"model": {"builder": "resnet"}, "data": {"source": "digits"}})
    step = kind.partition(" ")[0]
    inputs = {"data": digits[0].model_dump(mode="json")} if step == "train" else {}
    request = StepRequest(inputs=inputs, params=REQUESTS[kind], provenance=run.provenance)

    with pytest.raises(Refused) as refusal:
        execute(step, request, run, time.monotonic())

    assert "recipe of this run" in refusal.value.problems[0].expected
    assert not planted.exists()


def test_words_for_a_builder_of_ones_own_stand_in_the_recipe_too(
    context: Context, digits: tuple[DatasetRef, Dataset], planted: Path
) -> None:
    """The builder is the recipe's own, and is not called with a path that another has written."""
    run = in_a_run(context, {"model": {"builder": PLANTED, "options": {"weights": "own"}}})
    architecture = {"builder": PLANTED, "options": {"weights": "/etc/secret"}}
    inputs = {"data": digits[0].model_dump(mode="json")}
    request = StepRequest(inputs=inputs, params={"architecture": architecture}, provenance=run.provenance)

    with pytest.raises(Refused) as refusal:
        execute("train", request, run, time.monotonic())

    assert [problem.what for problem in refusal.value.problems] == ["train does not take /etc/secret"]
    assert not planted.exists()


@pytest.mark.parametrize("copy", ["artifact", "of the run"])
def test_what_the_recipe_names_is_taken(context: Context, tmp_path: Path, copy: str) -> None:
    """The same words pass where the recipe has them, wherever its copy lies; the step then finds what is wrong."""
    source = str(tmp_path / "none")
    run = in_a_run(context, {"data": {"source": source}})
    if copy == "of the run":
        key = f"artifacts/{run.provenance.recipe_sha256}"
        context.store.blobs.move(key, recipe_key("run-1"))
    request = StepRequest(params={"name": "d", "source": source}, provenance=run.provenance)

    with pytest.raises(Refused) as refusal:
        execute("preprocess", request, run, time.monotonic())

    assert "recipe of this run" not in refusal.value.problems[0].expected


def test_without_the_recipe_nothing_outside_is_taken(context: Context) -> None:
    """Who removes the recipe gains nothing."""
    run = in_a_run(context, {"data": {"source": "a"}})
    context.store.blobs.replace(f"artifacts/{run.provenance.recipe_sha256}", b'{"data":{"source":"b"}}')
    request = StepRequest(params={"name": "d", "source": "b"}, provenance=run.provenance)

    with pytest.raises(Refused, match="is gone from the store"):
        execute("preprocess", request, run, time.monotonic())


@pytest.mark.parametrize("of_a_recipe", [True, False])
@pytest.mark.parametrize(
    ("step", "params"),
    [
        ("train", {"architecture": {"builder": PLANTED}}),
        ("preprocess", {"name": "d", "source": "planted-folder"}),
        ("resolve", {"recipe": "digits", "overrides": {"data.source": "${AWS_SECRET_ACCESS_KEY}"}}),
        ("publish", {"name": "digits"}),
        ("no_such_step", {}),
    ],
)
def test_a_planted_record_is_no_order(
    context: Context,
    digits: tuple[DatasetRef, Dataset],
    planted: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    step: str,
    params: dict[str, Any],
    of_a_recipe: bool,
) -> None:
    """An artifact that is gone, and a record that says who made it: neither code nor secrets nor effects of its own."""
    run = in_a_run(context, {"data": {"source": "digits"}}) if of_a_recipe else context
    data = digits[0].model_dump(mode="json")
    inputs = {"data": data} if step == "train" else {}
    lost = "1" * 64
    asked = StepRequest(inputs=inputs, params=params, provenance=Provenance(run_id="planted"))
    makers.record(context.store, "2" * 64, Made(step=step, request=asked, artifacts=(lost,)))
    before = set(context.store.blobs.keys(""))
    ref = {"uri": "x", "sha256": lost, "bytes": 1}

    with pytest.raises(Damaged):
        execute("validate_data", StepRequest(inputs={"data": ref}, params={"recipe": "d"}), run, time.monotonic())

    assert not planted.exists()
    assert set(context.store.blobs.keys("")) == before
    assert "Traceback" not in capsys.readouterr().out


def test_a_lost_recipe_comes_back_from_its_second_copy(context: Context) -> None:
    """`publish` reads the recipe; `resolve`, which knows secrets, need not run for that."""
    run = in_a_run(context, {"data": {"source": "digits"}})
    key = f"artifacts/{run.provenance.recipe_sha256}"
    context.store.blobs.move(key, recipe_key("run-1"))
    ref = {"uri": "x", "sha256": run.provenance.recipe_sha256, "bytes": 1}
    request = StepRequest(inputs={"data": ref}, params={"recipe": "d"}, provenance=run.provenance)

    with pytest.raises(Exception, match="dataset cannot be read"):  # it is read, and is no data set
        execute("validate_data", request, run, time.monotonic())

    assert digest(context.store.blobs.read(key) or b"") == run.provenance.recipe_sha256


OVERRIDES: list[dict[str, Any]] = [
    {"model.builder": "my.nets:net", "model.options": {"kind": "a", "list": ["x", "y"]}},
    {"data.source": "${FOREIGN_DATA}", "candidates.pruned-qat.prune.teacher": {"search": ["a.keras", "s3://b/c.h5"]}},
    {"search.space.builder": "my.nets:net", "search.space.fixed": {"k": "v"}, "search.space.choices": {"a": ["p"]}},
]


@pytest.mark.parametrize("overrides", OVERRIDES)
def test_what_resolve_froze_is_always_taken(
    context: Context, monkeypatch: pytest.MonkeyPatch, overrides: dict[str, Any]
) -> None:
    """Overrides, variables and values to search stand in the recipe as the steps are asked for them."""
    monkeypatch.setenv("FOREIGN_DATA", "/somewhere")
    monkeypatch.setenv(Variable.SIGNING_KEY, __file__)
    frozen = resolve(ResolveInputs(), ResolveParams(recipe="digits", overrides=overrides), context)
    provenance = Provenance(run_id="run-1", recipe="digits", recipe_sha256=frozen.recipe.sha256)
    run = Context(context.store, 0, provenance)
    named = set()

    for step, given in frozen.params.items():
        params = contract_of(step, "Params").model_validate(given)
        named |= set(outside_names(params.model_dump(mode="json")))
        check_names(step, params, run)
    plan = PlanParams.model_validate(frozen.params["plan"])
    for lane in lanes(plan.candidates, (), export=plan.export):
        check_names("prune", lane.candidate.prune, run)
        named |= set(outside_names(lane.candidate.prune.model_dump(mode="json")))

    assert named
