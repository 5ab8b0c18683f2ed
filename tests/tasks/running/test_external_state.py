"""What a cache key holds of the user's own builder."""

from __future__ import annotations

from pathlib import Path

import pytest

from featherline.tasks.contracts.base import Contract
from featherline.tasks.contracts.fit import DistillationSettings
from featherline.tasks.contracts.model import Architecture, Model
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.step import Params
from featherline.tasks.contracts.steps.distill import DistillInputs, DistillParams
from featherline.tasks.contracts.steps.dry_run import DryRunInputs, DryRunParams
from featherline.tasks.contracts.steps.prune import PruneInputs, PruneParams
from featherline.tasks.contracts.steps.quantize import QuantizeInputs, QuantizeParams
from featherline.tasks.contracts.steps.search import SearchInputs, SearchParams, SearchSpace
from featherline.tasks.contracts.steps.train import TrainInputs, TrainParams
from featherline.tasks.contracts.steps.trim import TrimInputs, TrimParams
from featherline.tasks.running.context import Context
from featherline.tasks.running.external_state import observe

DATA = DatasetRef(uri="store/artifacts/x", sha256="0" * 64, bytes=1)


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the file of a module of the user's own builder."""
    path = tmp_path / "own_builder_of_a_user.py"
    path.write_text("def net(input_shape, classes): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    return path


def seen_by(step: str, inputs: Contract, params: Params, context: Context) -> dict[str, str]:
    """Return what a cache key of the step holds of the world outside its inputs."""
    return observe(step, params.external_state(inputs), context.store, context.provenance).ingredients()


def found(builder: str, context: Context) -> list[dict[str, str]]:
    """Return what training and searching read outside their inputs."""
    space = SearchSpace(builder=builder, choices={"x": (1,)})
    return [
        seen_by("train", TrainInputs(data=DATA), TrainParams(architecture=Architecture(builder=builder)), context),
        seen_by("search", SearchInputs(data=DATA), SearchParams(space=space, trials=1), context),
    ]


def test_a_changed_builder_is_seen(module: Path, context: Context) -> None:
    """Training and searching know the module's content, and see that it changed."""
    before = found(f"{module.stem}:net", context)
    module.write_text("def net(input_shape, classes): return None\n")

    after = found(f"{module.stem}:net", context)

    assert before[0] == before[1]
    assert before[0]["builder"] != after[0]["builder"]


def test_builders_of_the_zoo_are_part_of_the_code(context: Context) -> None:
    """They add nothing of their own."""
    assert found("resnet", context) == [{}, {}]


def test_an_absent_module_is_refused(context: Context) -> None:
    """It is named before anything is trained."""
    with pytest.raises(Refused) as refused:
        found("there_is_no_such_module:net", context)

    assert refused.value.problems[0].got == "there_is_no_such_module"


def test_a_changed_teacher_is_seen(tmp_path: Path, context: Context) -> None:
    """Whatever can have a teacher knows the state of the user's own teacher; without one it reads nothing."""
    file = tmp_path / "teacher.keras"
    file.write_bytes(b"one")
    model = Model.model_construct()
    prune = PruneParams(teacher=str(file), distillation=DistillationSettings())
    distill = DistillParams(method="logits", teacher=str(file))
    trim = TrimParams(teacher=str(file), distillation=DistillationSettings())
    quantize = QuantizeParams(qat=True, teacher=str(file), distillation=DistillationSettings())

    def found() -> list[dict[str, str]]:
        lane = DistillInputs.model_construct(teacher=model, student=model, data=DATA)
        return [
            seen_by("prune", PruneInputs.model_construct(model=model, data=DATA), prune, context),
            seen_by("distill", lane, distill, context),
            seen_by("trim", TrimInputs.model_construct(student=model, teacher=model, data=DATA), trim, context),
            seen_by(
                "quantize", QuantizeInputs.model_construct(model=model, teacher=model, data=DATA), quantize, context
            ),
        ]

    before = found()
    file.write_bytes(b"other")

    assert before[0] == before[1] == before[2] == before[3]
    assert all(now != then for now, then in zip(found(), before, strict=True))
    assert seen_by("prune", PruneInputs.model_construct(), PruneParams(), context) == {}


def test_a_dry_run_knows_what_it_reads(module: Path, context: Context, tmp_path: Path) -> None:
    """The model file, each teacher and each student's builder, also those to choose from: a change of any is a miss."""
    files = [tmp_path / f"{name}.keras" for name in ("mine", "first", "second")]
    for file in files:
        file.write_bytes(b"a")
    params = DryRunParams.model_validate(
        {
            "file": str(files[0]),
            "candidates": {
                "a": {"distill": {"teacher": {"search": [str(files[1]), str(files[2])]}}},
                "b": {"distill": {"architecture": {"search": [{"builder": "cnn"}, {"builder": f"{module.stem}:net"}]}}},
            },
        }
    )
    seen = [seen_by("dry_run", DryRunInputs(data=DATA), params, context)]

    for changed in (*files, module):
        changed.write_text("def other(): ...\n")
        seen.append(seen_by("dry_run", DryRunInputs(data=DATA), params, context))

    assert len({tuple(sorted(each.items())) for each in seen}) == len(files) + 2
