"""Recipes: what is read, and what is refused at the door."""

from __future__ import annotations

from pathlib import Path

import pytest

from featherline.tasks.contracts.recipe import Recipe
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.planning.recipes import read_device, read_recipe

RECIPES = Path("recipes")


@pytest.fixture(autouse=True)
def source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where recipes that name no data find some."""
    for name in ("CIFAR10", "PHOTOS", "BACKBONE"):
        monkeypatch.setenv(f"FEATHERLINE_{name}", "somewhere")


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_is_whole(path: Path):
    """Each recipe that ships is valid, carries its file's name, and names a device that exists."""
    recipe = read_recipe(RECIPES, path.stem, {})

    device = read_device(RECIPES, recipe.device)

    assert recipe.name == path.stem
    assert device.name == recipe.device


def test_an_override_changes_one_value():
    """A dotted key reaches one value and leaves its neighbours."""
    before = read_recipe(RECIPES, "digits", {})

    after = read_recipe(RECIPES, "digits", {"train.epochs": 3})

    assert after.train.epochs == 3
    assert after.train.batch_size == before.train.batch_size
    assert after.candidates == before.candidates


def test_an_override_of_nothing_removes_a_candidate():
    """None takes a key away."""
    recipe = read_recipe(RECIPES, "digits", {"candidates.int8": None})

    assert "int8" not in recipe.candidates.templates
    assert "pruned-qat" in recipe.candidates.templates


def test_the_data_source_may_come_from_the_environment():
    """`${NAME}` in data.source is filled in."""
    recipe = read_recipe(RECIPES, "cifar10-resnet20", {})

    assert recipe.data.source == "somewhere"


def test_a_recipe_survives_its_canonical_form():
    """What is stored with a release reads back equal."""
    recipe = read_recipe(RECIPES, "digits", {})

    assert Recipe.model_validate_json(recipe.to_json()) == recipe


def test_a_recipe_that_names_no_floor_has_a_person_asked():
    """The floor has no default that passes everything, and a person is asked unless the recipe says otherwise."""
    recipe = read_recipe(RECIPES, "digits", {"gate": None, "release": None})

    assert recipe.gate.min_quality is None
    assert recipe.release.approve == "borderline"
    assert not recipe.release.accept_unproven


def test_the_demo_says_that_it_takes_what_is_not_proven():
    """It ends without a hand, which its recipe has to ask for in words."""
    recipe = read_recipe(RECIPES, "digits", {})

    assert (recipe.release.approve, recipe.release.accept_unproven) == ("never", True)
    assert recipe.gate.min_quality == 0.95


ENDLESS = {"search": list(range(900))}

BAD = {
    "a rule that is yes, which would be 1": (
        {"gate.max_drop": True},
        "recipe digits cannot take gate.max_drop",
        "True",
        "correct gate.max_drop",
    ),
    "a rule that is no number": (
        {"gate.max_drop": float("nan")},
        "recipe digits cannot take gate.max_drop",
        "nan",
        "correct gate.max_drop",
    ),
    "no floor and nobody asked": (
        {"gate": None, "release.approve": "never"},
        "recipe digits would promote a model that nobody judged",
        "no gate.min_quality",
        "set gate.min_quality",
    ),
    "a typo in a key": ({"train.epoch": 3}, "recipe digits has no key train.epoch", "epoch", "did you mean epochs?"),
    "a typo in a section": (
        {"candidats": {}},
        "recipe digits has no key candidats",
        "candidats",
        "did you mean candidates?",
    ),
    "a wrong type": (
        {"train.epochs": "many"},
        "recipe digits cannot take train.epochs",
        "'many'",
        "correct train.epochs",
    ),
    "a number out of range": (
        {"gate.max_drop": 2},
        "recipe digits cannot take gate.max_drop",
        "2",
        "correct gate.max_drop",
    ),
    "NaN": ({"gate.max_drop": float("nan")}, "recipe digits cannot take gate.max_drop", "nan", "correct gate.max_drop"),
    "a technique that is missing": (
        {"candidates.int8.prune": {"method": "chanel"}},
        "candidate int8 cannot take prune.method",
        "chanel",
        "did you mean channel?",
    ),
    "a step that is missing": (
        {"candidates.int8.prunne": {}},
        "recipe digits has no key candidates.int8.prunne",
        "prunne",
        "did you mean prune?",
    ),
    "a student without a search": (
        {"search.trials": 0},
        "candidate searched-int8 has no searched student",
        "no search",
        "add a search",
    ),
    "a student that the search does not keep": (
        {"search.keep": 0},
        "candidate searched-int8 has no searched student",
        "search.keep 0",
        "raise search.keep, or set student: baseline",
    ),
    "proposed students that the search does not keep": (
        {
            "search.keep": 0,
            "candidates.searched-int8": None,
            "candidates.auto": {"students": ["baseline", "searched"], "distill_epochs": [4]},
        },
        "candidates.auto has no searched student",
        "search.keep 0",
        "raise search.keep, or set candidates.auto.students",
    ),
    "a searched student without a teacher": (
        {"candidates.searched-int8.distill": {"method": "none"}},
        "candidate searched-int8 does not distil its searched student",
        "distill.method none",
        "set distill.method to logits",
    ),
    "a searched student that is its own teacher": (
        {"candidates.searched-int8.distill.method": {"search": ["logits", "self"]}},
        "candidate searched-int8 does not distil its searched student",
        "distill.method self",
        "set distill.method to logits",
    ),
    "a pruning that a searched student replaces": (
        {"candidates.searched-int8.prune": {"method": "channel", "keep_macs": 0.5}},
        "candidate searched-int8 prunes what it does not use",
        "prune.method channel",
        "put it into trim",
    ),
    "a searched student with an architecture": (
        {"candidates.searched-int8.distill.architecture": {"builder": "cnn"}},
        "candidate searched-int8 has two architectures",
        "both",
        "leave distill.architecture out",
    ),
    "a ladder that no proposed lane can use": (
        {"candidates.auto": {"qat": [True], "schemes": ["int8", "float16"], "export": {"fallback_ladder": {}}}},
        "candidates.auto has a fallback ladder that no lane can use",
        "qat [True], schemes ['int8', 'float16']",
        "add false to candidates.auto.qat",
    ),
    "a search of no value": (
        {"candidates.int8.quantize.scheme": {"search": []}},
        "candidate int8 is no lane",
        "an empty list",
        "add a value",
    ),
    "a pruning that an architecture replaces": (
        {
            "candidates.int8.prune": {"method": "2:4"},
            "candidates.int8.distill": {"method": "logits", "architecture": {"builder": "cnn"}},
        },
        "candidate int8 does not hold together",
        "2:4",
        "correct it in the recipe",
    ),
    "an architecture without a teacher": (
        {"candidates.int8.distill": {"architecture": {"builder": "cnn"}}},
        "candidate int8 cannot take distill",
        "cnn",
        "correct distill",
    ),
    "a builder and a file": ({"model.file": "m.keras"}, "recipe digits cannot take model", "{", "correct model"),
    "an image without height": (
        {"data.image_size": [0, 5]},
        "recipe digits cannot take data.image_size.0",
        "0",
        "correct data.image_size.0",
    ),
    "an image too large for any network": (
        {"data.image_size": [100_000, 8]},
        "recipe digits cannot take data.image_size.0",
        "100000",
        "correct data.image_size.0",
    ),
    "a data set called by a path": (
        {"data.name": "../x"},
        "recipe digits cannot take data.name",
        "../x",
        "correct data.name",
    ),
    "a history called by a path": (
        {"train.checks.recipe": "../x"},
        "recipe digits cannot take train.checks.recipe",
        "../x",
        "correct train.checks.recipe",
    ),
    "a release called by a path": (
        {"release.name": "../x"},
        "recipe digits cannot take release.name",
        "../x",
        "correct release.name",
    ),
    "a builder without a name": (
        {"model.builder": ""},
        "recipe digits cannot take model.builder",
        "''",
        "correct model.builder",
    ),
    "a class twice": ({"data.classes": ["a", "b", "a"]}, "recipe digits cannot take data.classes", "a", "correct data"),
    "a class without a name": (
        {"data.classes": ["a", ""]},
        "recipe digits cannot take data.classes.1",
        "''",
        "correct data.classes.1",
    ),
    "true for a number": ({"train.epochs": True}, "recipe digits cannot take train.epochs", "True", "correct train"),
    "text for a number": ({"train.epochs": "3"}, "recipe digits cannot take train.epochs", "'3'", "correct train"),
    "epochs without end": ({"train.epochs": 10**9}, "recipe digits cannot take train.epochs", "10", "correct train"),
    "a control in a text": (
        {"release.description": "a\x1b[2J"},
        "recipe digits cannot take release.description",
        "a\\x1b[2J",
        "correct release.description",
    ),
    "half a character": (
        {"data.source": "\ud800"},
        "recipe digits cannot take data.source",
        "\\ud800",
        "correct data.source",
    ),
    "a key that is no text": (
        {"model.options": {1: 2}},
        "recipe digits cannot take model.options",
        "1",
        "correct model",
    ),
    "a fit that is no section": (
        {"candidates.auto": {"prune": {"fit": 3}}},
        "recipe digits cannot take candidates.auto",
        "{",
        "correct candidates.auto",
    ),
    "a wrong value in a common section": (
        {"candidates.auto": {"prune": {"fit": {"batch_size": 0}}}},
        "candidates.auto cannot take prune.fit.batch_size",
        "0",
        "correct prune.fit.batch_size",
    ),
    "a name that is taken by the float baseline": (
        {"candidates.baseline": {}},
        "candidate baseline has a name that is taken",
        "baseline",
        "rename candidates.baseline",
    ),
    "two lanes of one name": (
        {
            "candidates.a": {"quantize": {"scheme": {"search": ["float32", "int8"]}}},
            "candidates.a-schemeint8": {"quantize": {"scheme": "dynamic_wi8_afp32"}},
        },
        "candidate a-schemeint8 has a name that is taken",
        "a-schemeint8",
        "rename candidates.a-schemeint8",
    ),
    "candidates without end": (
        {"candidates.int8.prune": dict.fromkeys(("keep_macs", "keep_size", "floor", "rounds"), ENDLESS)},
        "recipe digits has too many candidates",
        "656,100,000,000 of int8",
        "give candidates.int8 fewer values",
    ),
    "a candidate to take away that is not there": (
        {"candidates.int9": None},
        "the override candidates.int9 takes nothing away",
        "int9",
        "did you mean int8?",
    ),
    "an override of nothing": (
        {"train..epochs": 3},
        "the override train..epochs names nothing",
        "train..epochs",
        "corr",
    ),
    "an override into a value": (
        {"data.source.more": 1},
        "the override data.source.more leads nowhere",
        "digits",
        "correct the key",
    ),
}


@pytest.mark.parametrize(("overrides", "what", "got", "fix"), BAD.values(), ids=BAD.keys())
def test_a_bad_recipe_is_refused(overrides: dict[str, object], what: str, got: str, fix: str):
    """Each mistake is named, with what was met and what to change."""
    with pytest.raises(Refused) as refusal:
        read_recipe(RECIPES, "digits", overrides)

    problem = refusal.value.problems[0]
    assert problem.what.startswith(what)
    assert got in problem.got
    assert problem.fix.startswith(fix)


def test_every_mistake_is_named_at_once():
    """Two typos give two problems."""
    with pytest.raises(Refused) as refusal:
        read_recipe(RECIPES, "digits", {"train.epoch": 3, "data.sorce": "x"})

    assert sorted(problem.got for problem in refusal.value.problems) == ["epoch", "sorce"]


def test_an_unknown_recipe_gets_a_close_match():
    """A typo in the recipe's name is met with the name that was meant."""
    with pytest.raises(Refused) as refusal:
        read_recipe(RECIPES, "digit", {})

    assert refusal.value.problems[0].fix == "did you mean digits?"


def test_an_unknown_device_gets_a_close_match():
    """A typo in the device's name is met with the name that was meant."""
    with pytest.raises(Refused) as refusal:
        read_device(RECIPES, "phone-lo")

    assert refusal.value.problems[0].fix == "did you mean phone-low?"


def test_a_source_that_nobody_named_is_refused(monkeypatch: pytest.MonkeyPatch):
    """A variable that is not set is named, with both ways to give the value."""
    monkeypatch.delenv("FEATHERLINE_CIFAR10")

    with pytest.raises(Refused) as refusal:
        read_recipe(RECIPES, "cifar10-resnet20", {})

    assert "FEATHERLINE_CIFAR10" in refusal.value.problems[0].expected
    assert "data.source" in refusal.value.problems[0].fix


def test_broken_yaml_is_refused_with_its_line(tmp_path: Path):
    """A YAML mistake is shown with its place, without a traceback."""
    (tmp_path / "broken.yaml").write_text("name: x\ndata: [1,\n")

    with pytest.raises(Refused) as refusal:
        read_recipe(tmp_path, "broken", {})

    assert "line 3" in refusal.value.problems[0].got
