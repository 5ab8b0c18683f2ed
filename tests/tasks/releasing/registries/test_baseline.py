"""A registered version as a teacher: its float baseline is found by way of its release."""

from __future__ import annotations

from typing import Any

import pytest

from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.publish import PublishParams
from featherline.tasks.contracts.steps.register import RegisterInputs, RegisterParams
from featherline.tasks.planning.expand import expand
from featherline.tasks.planning.recipes import read_recipe
from featherline.tasks.releasing.registries.baseline import float_baseline
from featherline.tasks.releasing.registries.opening import open_registry
from featherline.tasks.running.context import Context
from featherline.tasks.steps.publish import publish
from featherline.tasks.steps.register import register


@pytest.fixture
def baseline(context: Context, winner: Any) -> Any:
    """Register version 1 of `digits`, and return the float model it was made from."""
    inputs = winner()
    release = publish(inputs, PublishParams(name="digits", sign=False), context).release
    register(RegisterInputs(release=release), RegisterParams(), context)
    return inputs.baseline.file


def looked_up(reference: str, context: Context) -> str:
    """Return what a recipe's teacher becomes."""
    return float_baseline(reference, open_registry(context), context.store)


@pytest.mark.parametrize("reference", ["models:/digits@challenger", "models:/digits/1"])
def test_a_version_leads_to_its_float_baseline(baseline: Any, context: Context, reference: str) -> None:
    """By alias and by number; not to the network that was pruned of it."""
    found = looked_up(reference, context)

    assert found == f"{context.store.uri}/artifacts/{baseline.sha256}"
    assert context.store.blobs.read(f"artifacts/{baseline.sha256}") == b"the float baseline"


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("models:digits", "models:/NAME@ALIAS"),
        ("models:/digits@champion", "models:/digits/1, models:/digits@challenger"),
        ("models:/digits/7", "models:/digits/1, models:/digits@challenger"),
        ("models:/letters/1", "no version at all"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(baseline: Any, context: Context, reference: str, told: str) -> None:
    """Whoever mistypes an alias reads the ones that there are."""
    assert baseline

    with pytest.raises(Refused) as refused:
        looked_up(reference, context)

    assert told in str(refused.value)


def test_a_model_that_was_cleared_away_is_refused(baseline: Any, context: Context) -> None:
    """Before the run, and not in the middle of its first lane."""
    context.store.blobs.delete(f"artifacts/{baseline.sha256}")

    with pytest.raises(Refused, match="has no float model any more"):
        looked_up("models:/digits/1", context)


def test_the_recipe_of_a_run_names_the_model_itself(tmp_path: Any) -> None:
    """Every lane's teacher is replaced; a file stays as it is written."""
    distilled = "distillation: {temperature: 4}, fit: {epochs: 1}"
    text = f"""
name: distilled
data: {{source: digits}}
model: {{builder: cnn}}
candidates:
  pruned: {{prune: {{method: channel, teacher: "models:/digits@champion", {distilled}}}}}
  told: {{distill: {{method: logits, teacher: "models:/digits/3"}}}}
  own: {{distill: {{method: logits, teacher: "own.keras"}}}}
device: phone-low
"""
    (tmp_path / "distilled.yaml").write_text(text)
    asked: list[str] = []

    def found(reference: str) -> str:
        asked.append(reference)
        return f"found/{len(asked)}"

    recipe = read_recipe(tmp_path, "distilled", {}, found)

    assert asked == ["models:/digits@champion", "models:/digits/3"]
    said = recipe.model_dump_json()
    assert [word in said for word in ("found/1", "found/2", "own.keras", "models:")] == [True, True, True, False]


def test_searched_teachers_are_looked_up_too(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each value of `{search: [...]}`, of the teacher or of its whole section; the candidates' names stay short."""
    monkeypatch.setenv("FEATHERLINE_TEACHERS", "nets")
    text = """
name: distilled
data: {source: digits}
model: {builder: cnn}
candidates:
  told:
    distill: {method: logits, teacher: {search: ["${FEATHERLINE_TEACHERS}/own.keras", "models:/digits@champion"]}}
  sections:
    prune:
      search:
        - {method: none}
        - {method: channel, keep_macs: 0.5, distillation: {}, teacher: "models:/digits/3"}
  qat:
    quantize: {qat: true, distillation: {}, teacher: "models:/digits@challenger"}
device: phone-low
"""
    (tmp_path / "distilled.yaml").write_text(text)

    recipe = read_recipe(tmp_path, "distilled", {}, lambda reference: f"s3://store/{reference[-8:]}/{'0' * 64}")

    told, sections, qat = (recipe.candidates.templates[name] for name in ("told", "sections", "qat"))
    assert told.distill["teacher"] == {"search": ["nets/own.keras", f"s3://store/champion/{'0' * 64}"]}
    assert sections.prune["search"][1]["teacher"] == f"s3://store/digits/3/{'0' * 64}"
    assert qat.quantize["teacher"] == f"s3://store/allenger/{'0' * 64}"
    assert [name for name, _ in expand("told", told)] == ["told-teacher1", "told-teacher2"]


@pytest.mark.parametrize("text", ["runs:/1/model", "mlflow:/x", "registry:/x/1", "old.tflite", "http://host/a.keras"])
@pytest.mark.parametrize("step", ["prune", "distill", "quantize"])
def test_a_teacher_that_cannot_be_is_refused_at_the_door(tmp_path: Any, text: str, step: str) -> None:
    """Before the float baseline is trained, and not in the middle of its lane."""
    said = {"prune": "method: channel, distillation: {}", "distill": "method: logits", "quantize": "distillation: {}"}[
        step
    ]
    (tmp_path / "distilled.yaml").write_text(f"""
name: distilled
data: {{source: digits}}
model: {{builder: cnn}}
candidates:
  told: {{{step}: {{{said}, teacher: {{search: [own.keras, "{text}"]}}}}}}
device: phone-low
""")

    with pytest.raises(Refused) as refusal:
        read_recipe(tmp_path, "distilled", {})

    (problem,) = refusal.value.problems
    assert problem.what == f"candidate told cannot take {step}.teacher"
    assert problem.expected.startswith("a .keras or .h5 file or a SavedModel folder, here or at s3://")
    assert problem.got == repr(text)
    assert problem.fix == f"correct {step}.teacher in the recipe, or its override"
