"""The property of every recipe: it is taken whole, or refused within a second. Nothing else comes of any text.

The shipped recipes are mutated, as text and as trees. What is taken is also carried as far as it goes without data: to
the parameters of every step, and to the lanes of a plan.
"""

from __future__ import annotations

import contextlib
import math
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from featherline.tasks.contracts.device import Budget
from featherline.tasks.contracts.model import Model
from featherline.tasks.contracts.recipe import Recipe
from featherline.tasks.contracts.references import ModelFileRef
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.plan import PlanInputs, PlanParams
from featherline.tasks.planning.overrides import settings as read_settings
from featherline.tasks.planning.recipes import read_device, read_recipe
from featherline.tasks.running.context import Context
from featherline.tasks.steps.plan import plan
from featherline.tasks.steps.resolve import params_of_steps
from featherline.tasks.store.artifacts import Store
from featherline.tasks.store.blobs import FolderBlobs

TEXTS = {path.stem: path.read_text() for path in sorted(Path("recipes").glob("*.yaml"))}
FEW = settings(
    derandomize=True, database=None, deadline=None, max_examples=400, suppress_health_check=list(HealthCheck)
)
LIMIT_S = 1.0
"""Of the processor, so that a busy machine fails no test."""

WORDS = (
    "2001-99-99", "2001-01-01", "!!int abc", "!!python/object/apply:os.system [ls]", "!!binary aGk=", "!!set {a, b}",
    "!!timestamp 2001-01-01", "!!float x", "! 12", "9" * 5000, "-" + "9" * 30, "0x" + "f" * 4000, "1e400", "-1e400",
    ".inf", "-.inf", ".nan", "010", "1:30", "1:30:59.5", "0b2", "1_000", "no", "on", "yes", "~", "", "null", "''",
    '"\\ud800"', '"\\0"', '"\\e[2J"', "\t- x", "*nowhere", "&a [*a]", "&a {b: *a}", "{<<: 3}", "{<<: [1, 2]}", "<<",
    "[" * 2000, "{a: " * 500, "? [a]\n: b", "- a\n- b", "x\n---\ny: 1", "%YAML 1.1", "'", "|", ">-", "@", "`", "\ufeff",
    "\u2028", "\x1b[2J", "\u202e", "[0, 5]", "[5, 0]", "[100000, 100000]", "[-1, 8]", "-1", "0", "1.5", "true", "[]",
    "{}", "{search: []}", "{search: [1, 2]}", "{search: {search: [1]}}", "{search: [[], {}]}", "../../etc/passwd",
    "models:/a@b", "s3://", ".hidden", "-dash", "a" * 300, "\uff21", "self", "module:", ":function", "a..b:c", "a.b",
)  # fmt: skip
"""What has ended some reader of YAML, or some step behind it."""

VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 10**9, 10**40, 1e308, math.nan, math.inf, "", "x", "../x", "\ud800", "\0", "\x1b[2J",
    "a" * 100_000, [], [1], ["a", "a"], [0, 5], [10**6, 10**6], {}, {"fit": 3}, {"fit": None}, {"distillation": [1]},
    {"search": []}, {"search": [1, 2]}, {"search": list(range(300))}, {"search": [{"search": [1]}]}, {"": {}},
    {"method": {"search": ["none", "channel"]}}, {1: 2}, {"a": {"b": {"c": {}}}}, [[[[]]]], (1, 2), {"a\nb": 1},
)  # fmt: skip


@pytest.fixture(autouse=True)
def source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where recipes that name no data find some."""
    for name in ("CIFAR10", "PHOTOS", "BACKBONE"):
        monkeypatch.setenv(f"FEATHERLINE_{name}", "somewhere")


def outcome(folder: Path, name: str, overrides: dict[str, Any]) -> str:
    """Read a recipe and carry it on; say how that ended, and fail where it took too long."""
    started = time.process_time()
    try:
        recipe = read_recipe(folder, name, overrides)
    except Refused as refusal:
        str(refusal).encode()
        return "refused"
    finally:
        assert time.process_time() - started < LIMIT_S
    assert Recipe.model_validate_json(recipe.to_json()) == recipe
    given = params_of_steps(recipe, Budget())
    model = Model(
        file=ModelFileRef(uri="x", sha256="0" * 64, bytes=1), parameters=80_000, macs=10**6, validation_quality=0.9
    )
    lanes = given["plan"]
    assert isinstance(lanes, PlanParams)
    plan(PlanInputs(model=model), lanes, Context(Store(FolderBlobs(folder / "store"))))
    return "taken"


@st.composite
def mutated_text(draw: st.DrawFn) -> bytes:
    """Give a shipped recipe with up to three lines damaged."""
    lines = TEXTS[draw(st.sampled_from(sorted(TEXTS)))].splitlines()
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(lines) - 1))
        key, colon, _ = lines[place].partition(":")
        kind = draw(st.sampled_from(("value", "value", "value", "drop", "double", "move", "letters", "key")))
        if kind == "value":
            lines[place] = f"{key}{colon} {draw(st.sampled_from(WORDS))}"
        elif kind == "drop" and len(lines) > 1:
            del lines[place]
        elif kind == "double":
            lines.insert(place, lines[place])
        elif kind == "move":
            lines[place] = " " * draw(st.integers(0, 9)) + lines[place].strip()
        elif kind == "key":
            lines[place] = f"{draw(st.sampled_from(WORDS))}: 1"
        else:
            at = draw(st.integers(0, len(lines[place])))
            lines[place] = lines[place][:at] + draw(st.text(max_size=4)) + lines[place][at:]
    data = "\n".join(lines).encode("utf-8", "surrogatepass")
    at = draw(st.integers(0, len(data)))
    return data[:at] + draw(st.sampled_from((b"", b"", b"", b"\xff", b"\x00", b"\xed\xa0\x80"))) + data[at:]


def paths(value: object, path: str = "") -> list[str]:
    """Return the dotted path of every value of a recipe."""
    if not isinstance(value, dict):
        return []
    return [found for key, item in value.items() for found in (f"{path}{key}", *paths(item, f"{path}{key}."))]


PATHS = {name: paths(yaml.safe_load(text)) for name, text in TEXTS.items()}
MORE = (
    "data.image_size", "data.classes", "data.name", "data.limit", "data.checks.recipe", "train.mixup", "search.keep",
    "model.file", "search.space.builder", "candidates.auto.prune", "candidates.auto.clusters", "release.name",
    "candidates.new", "candidates.new.prune.keep_macs", "candidates.baseline", "gate.measure.resamples",
    "candidates.auto.keep_macs", "candidates.auto", "data.label_column", "model.preprocessing",
    "search.preprocessing.scale",
)  # fmt: skip


@FEW
@given(data=mutated_text())
def test_a_mutated_text_is_taken_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes):
    """Whatever stands in the lines of a recipe: it is taken and can be planned, or refused, within a second."""
    folder = tmp_path_factory.getbasetemp() / "texts"
    folder.mkdir(exist_ok=True)
    (folder / "digits.yaml").write_bytes(data)

    assert outcome(folder, "digits", {}) in {"taken", "refused"}


@FEW
@given(data=st.data())
def test_a_mutated_tree_is_taken_or_refused(data: st.DataObject):
    """Whatever a form or a command line puts at whatever key: it is taken and can be planned, or refused."""
    name = data.draw(st.sampled_from(sorted(TEXTS)))
    keys = st.lists(st.sampled_from([*PATHS[name], *MORE]), min_size=1, max_size=3)
    overrides = {key: data.draw(st.sampled_from(VALUES)) for key in data.draw(keys)}

    assert outcome(Path("recipes"), name, overrides) in {"taken", "refused"}


@FEW
@given(
    data=st.binary(max_size=60) | st.sampled_from(WORDS).map(lambda word: f"name: {word}".encode("utf-8", "replace"))
)
def test_a_device_is_taken_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes):
    """A file of devices is read by the same reader."""
    folder = tmp_path_factory.getbasetemp() / "devices_of"
    (folder / "devices").mkdir(exist_ok=True, parents=True)
    (folder / "devices" / "any.yaml").write_bytes(data + b"\ndescription: x\nbudget: {macs: 5}\n")

    with contextlib.suppress(Refused):
        read_device(folder, "any")


@FEW
@given(word=st.sampled_from(WORDS) | st.text(max_size=20))
def test_a_setting_is_taken_or_refused(word: str):
    """A value of `--set` is read by the same reader."""
    with contextlib.suppress(Refused):
        read_settings([f"train.epochs={word}"])
