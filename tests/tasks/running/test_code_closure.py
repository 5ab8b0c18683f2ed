"""Which code decides what a step gives: what it imports, and nothing else of `tasks`."""

from __future__ import annotations

import importlib.metadata
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.steps.train import TrainInputs, TrainParams
from featherline.tasks.running import code_closure, step_cache
from featherline.tasks.running.execute import STEPS
from featherline.tasks.store.artifacts import Store

DATA = DatasetRef(uri="store/artifacts/x", sha256="0" * 64, bytes=1)
CACHED = (
    code_closure.modules_of,
    code_closure.code_of,
    code_closure.libraries_of,
    code_closure.code_digest,
    code_closure._text,
)


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a copy of `tasks` that can be changed, and is what keys are made of."""
    folder = tmp_path / "tasks"
    shutil.copytree(code_closure.ROOT, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code_closure, "ROOT", folder)
    forget()
    yield folder
    monkeypatch.undo()
    forget()


def forget() -> None:
    """Forget what was read of the code."""
    for function in CACHED:
        function.cache_clear()


def key_of(step: str) -> str:
    """Return the key of a step that is requested the same as ever."""
    forget()
    return step_cache.key_of(step_cache.ingredients(step, TrainInputs(data=DATA), TrainParams(), seed=0))


@pytest.mark.parametrize("name", ["report.html", "style.css", "nothing.md"])
def test_a_changed_page_of_the_report_retrains_nothing(code: Path, name: str) -> None:
    """The template decides what `report` gives, and is none of `train`'s business."""
    before = {step: key_of(step) for step in ("train", "prune", "export", "report")}

    with (code / "reporting/templates" / name).open("a") as page:
        page.write("another word")

    after = {step: key_of(step) for step in before}
    assert {step for step in before if before[step] != after[step]} == {"report"}


def test_a_changed_training_loop_is_a_miss_that_names_the_file(code: Path, store: Store) -> None:
    """All that trains runs again, and the log says for which file."""
    steps = ("train", "prune", "distill", "quantize", "search", "evaluate", "preprocess", "report")
    before = {step: key_of(step) for step in steps}
    parts = step_cache.ingredients("train", TrainInputs(data=DATA), TrainParams(), seed=0)
    step_cache.remember(store, "digits/train", parts)

    with (code / "training/loop.py").open("a") as module:
        module.write("# another step size\n")

    changed = {step for step in steps if key_of(step) != before[step]}
    (why,) = step_cache.explain(
        store,
        "digits/train",
        step_cache.ingredients("train", TrainInputs(data=DATA), TrainParams(), seed=0),
    )
    assert changed == {"train", "prune", "distill", "quantize", "search"}
    assert why.startswith("code.training/loop.py was ")


def test_what_a_step_starts_or_executes_by_name_is_its_code() -> None:
    """The converter's process, the dry run's, and the step that a rung of the ladder executes."""
    exported = {path.as_posix() for path in code_closure.modules_of("export")}
    tried = {path.as_posix() for path in code_closure.modules_of("dry_run")}

    assert {"litert/convert.py", "steps/quantize.py"} <= exported
    assert "compression/dry_run/tryout.py" in tried


def test_what_is_opened_by_name_is_code_of_those_who_open_it() -> None:
    """A modality and the learning of a problem are `module:name` in a table: their code decides all the same."""
    read = {path.as_posix() for path in code_closure.modules_of("preprocess")}
    trained = {path.as_posix() for path in code_closure.modules_of("train")}

    assert "modalities/image/modality.py" in read & trained
    assert {"modalities/image/augmentation.py", "problems/classification/learning.py"} <= trained


def test_a_library_of_the_report_alone_retrains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another matplotlib is another key of `report` and the same of `train`; another TensorFlow is one of `train`."""
    installed = importlib.metadata.version
    before = {step: key_of(step) for step in ("report", "train")}
    changed = {}
    for library in ("matplotlib", "tensorflow"):
        monkeypatch.setattr(
            importlib.metadata, "version", lambda name, library=library: "9" if name == library else installed(name)
        )
        changed[library] = {step for step in before if key_of(step) != before[step]}
    monkeypatch.undo()
    forget()

    assert changed == {"matplotlib": {"report"}, "tensorflow": {"train"}}


@pytest.mark.parametrize("step", ["preprocess", "validate_data", "evaluate", "validate_metrics", "select", "report"])
def test_who_reads_or_judges_needs_no_tensorflow(step: str) -> None:
    """They open modalities and problems by name; the TensorFlow sides of these stand in tables of their own."""
    found = {path.as_posix() for path in code_closure.modules_of(step)}

    assert {"modalities/opening.py", "problems/opening.py"} & found
    assert not {"modalities/opening_views.py", "problems/opening_learning.py"} & found
    assert not {"tensorflow", "tf-keras"} & set(code_closure.libraries_of(step))


def test_every_library_that_is_imported_is_judged() -> None:
    """A library that is new decides what steps give, or is said not to."""
    imported = {name for path in code_closure.ROOT.rglob("*.py") for name in code_closure.foreign_imports(path)}

    assert imported - set(code_closure.DISTRIBUTIONS) == code_closure.INDIFFERENT


@pytest.mark.parametrize("step", STEPS)
def test_every_step_has_its_own_file_and_its_contracts(step: str) -> None:
    """Its closure begins with itself and is less than all of the code."""
    found = {path.as_posix() for path in code_closure.modules_of(step)}

    assert f"steps/{step}.py" in found
    assert any(name.startswith("contracts/") for name in found)
    assert len(found) < len(list(code_closure.ROOT.rglob("*.py")))
