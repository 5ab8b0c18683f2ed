"""Which image each step runs in."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from featherline.airflow.operators.images import check_pinned, image_of
from featherline.airflow.steps import STEPS
from featherline.tasks.contracts.refusal import Refused

ROOT = Path(__file__).resolve().parents[3]
HEAVY = {"tensorflow", "tf_keras", "tensorflow_model_optimization", "litert_quantizer"}
APART = {
    "featherline.tasks.steps.export": {"featherline.tasks.litert.convert"},
    "featherline.tasks.steps.dry_run": {"featherline.tasks.compression.dry_run.tryout"},
}
"""What a step starts as a program instead of importing it."""


def imported(module: str, seen: set[str]) -> set[str]:
    """Return all modules that a module of `tasks` imports, at its top or inside, directly or not."""
    file = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    if module in seen or not file.is_file():
        return set()
    seen.add(module)
    names = set(APART.get(module, ()))
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names.union(*(imported(name, seen) for name in names if name.startswith("featherline.tasks.")))


@pytest.mark.parametrize("step", sorted(STEPS))
def test_a_step_needs_tensorflow_when_its_code_imports_it(step: str):
    """The table says what the imports say."""
    found = {name.partition(".")[0] for name in imported(f"featherline.tasks.steps.{step}", set())}

    assert bool(found & HEAVY) == STEPS[step].tensorflow


@pytest.mark.parametrize(
    ("core", "step", "image"),
    [
        ("light:1", "report", "light:1"),
        ("light:1", "train", "full:1"),
        ("light:1", "resolve", "full:1"),
        ("", "report", "full:1"),
    ],
)
def test_one_image_is_enough(monkeypatch: pytest.MonkeyPatch, core: str, step: str, image: str):
    """The light one is for those that want it, never for a step with TensorFlow or one that makes other steps' keys."""
    monkeypatch.setenv("AIRFLOW__FEATHERLINE__IMAGE", "full:1")
    monkeypatch.setenv("AIRFLOW__FEATHERLINE__IMAGE_CORE", core)

    assert image_of(step) == image


@pytest.mark.parametrize(
    ("image", "pinned"),
    [
        ("tasks:0.1.0", True),
        ("registry.example:5000/team/tasks:0.1.0-abc", True),
        (f"tasks@sha256:{'a' * 64}", True),
        (f"tasks:latest@sha256:{'a' * 64}", True),
        ("", False),
        ("tasks", False),
        ("tasks:latest", False),
        ("registry.example:5000/tasks", False),
        ("tasks@sha256:abc", False),
        (f"tasks:1@sha512:{'a' * 64}", False),
    ],
)
def test_an_image_must_stay_what_it_is(image: str, pinned: bool):
    """A digest does, a tag may; `latest`, no tag at all, and half a digest do not."""
    if pinned:
        check_pinned("train", image)
    else:
        with pytest.raises(Refused, match="train has no image that stays what it is"):
            check_pinned("train", image)
