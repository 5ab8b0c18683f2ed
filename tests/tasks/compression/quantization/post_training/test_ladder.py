"""The ladder: which rung is kept, what is written down, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

import featherline.tasks.steps.quantize
from featherline.tasks.compression.quantization.post_training import schemes
from featherline.tasks.compression.quantization.post_training.float_reference import Comparison
from featherline.tasks.compression.quantization.post_training.ladder import broken_rules
from featherline.tasks.contracts.candidate import Candidate
from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.model import LiteRTModel, Model, Scheme
from featherline.tasks.contracts.post_training import Calibration, FallbackLadder
from featherline.tasks.contracts.quality import SHARE
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.refusal import OutOfReach, Problem, Refused, refuse
from featherline.tasks.contracts.request import Exit
from featherline.tasks.contracts.steps.export import ExportInputs, ExportParams
from featherline.tasks.contracts.steps.quantize import QuantizeParams
from featherline.tasks.litert.conversion import Converted, ConverterDied, ConverterFailed
from featherline.tasks.running.context import Context
from featherline.tasks.steps.export import export
from featherline.tasks.store.artifacts import Store
from tests.tasks.exported import converting_once


@pytest.fixture
def store(shared_store: Store) -> Store:
    """Give the store in which the small network is exported once."""
    return shared_store


@pytest.fixture
def climbed(context: Context, digits: tuple[DatasetRef, Dataset], small_model: Model, made: dict[str, Any]) -> Any:
    """Give a function that exports the small network with a ladder."""

    def by(scheme: Scheme, percentile: float | None = None, **ladder: Any) -> LiteRTModel:
        calibration = Calibration(method="percentile", percentile=percentile) if percentile else Calibration()
        params = ExportParams(golden=1, calibration=calibration, fallback_ladder=FallbackLadder(**ladder))
        inputs = ExportInputs(model=small_model, scheme=scheme, data=digits[0])
        with converting_once(made):
            return export(inputs, params, context).model

    return by


def test_a_scheme_that_keeps_its_accuracy_is_the_only_rung(climbed: Any) -> None:
    """Nothing is tried where the scheme asked for is good enough, and that is written down."""
    found = climbed("int8", max_drop=0.05)

    assert [(rung.scheme, rung.kept) for rung in found.rungs] == [("int8", True)]
    assert found.scheme == "int8"


def test_a_rung_that_breaks_a_rule_is_left(climbed: Any) -> None:
    """An agreement that int4 does not reach leaves it; float16 agrees on all, and is what the file then is."""
    found = climbed("static_wi4_ai8", max_drop=1, min_agreement=1, rungs=("float16",))

    assert [(rung.scheme, rung.kept) for rung in found.rungs] == [("static_wi4_ai8", False), ("float16", True)]
    assert found.rungs[0].why.startswith("agrees on 9")
    assert found.rungs[0].size_bytes < found.rungs[1].size_bytes < found.file.bytes
    assert (found.scheme, found.validation_quality) == ("float16", found.rungs[1].validation_quality)


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (ConverterFailed("its last lines:\n  File 'x'\n  no such operator"), "no such operator"),
        (ConverterDied(int(Exit.CONVERTER_DIED)), "the converter died of it"),
        (None, "float operators: ADD"),
    ],
)
def test_a_rung_that_cannot_be_made_is_left(
    broken: BaseException | None,
    why: str,
    *,
    context: Context,
    digits: tuple[DatasetRef, Dataset],
    small_model: Model,
    made: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A converter that fails or dies at int8, or gives floats there, costs that rung alone; it has no figures."""
    with converting_once(made):
        real = schemes.convert_apart

        def fails_at_int8(store: Store, model: Model, scheme: Scheme, images: Any, **more: Any) -> Converted:
            if scheme == "int8" and broken is not None:
                raise broken
            return real(store, model, "float32" if scheme == "int8" else scheme, images, **more)

        monkeypatch.setattr(schemes, "convert_apart", fails_at_int8)
        params = ExportParams(golden=1, fallback_ladder=FallbackLadder(max_drop=1, rungs=("float16",)))
        found = export(ExportInputs(model=small_model, scheme="int8", data=digits[0]), params, context).model

    left, kept = found.rungs
    assert (left.scheme, left.kept, left.size_bytes, left.validation_quality) == ("int8", False, None, None)
    assert left.why.startswith("cannot be made: ")
    assert why in left.why
    assert (kept.scheme, kept.kept, found.scheme) == ("float16", True, "float16")


def test_a_converter_killed_for_memory_is_tried_again_by_the_scheduler(
    context: Context, digits: tuple[DatasetRef, Dataset], small_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no fault of the rung, so the ladder does not go on."""

    def killed(*_: Any, **__: Any) -> Converted:
        raise ConverterDied(int(Exit.OUT_OF_MEMORY))

    monkeypatch.setattr(schemes, "convert_apart", killed)
    with pytest.raises(ConverterDied):
        export(
            ExportInputs(model=small_model, scheme="int8", data=digits[0]),
            ExportParams(fallback_ladder=FallbackLadder()),
            context,
        )


def test_the_same_climb_gives_the_same_bytes(climbed: Any) -> None:
    """Climbing again ends on the same rung, mixed widths that agree as far as asked, with the same file."""
    once, again = (
        climbed("static_wi4_ai8", max_drop=1, min_agreement=0.97, rungs=("static_wmixed_ai8",)) for _ in range(2)
    )

    assert once == again
    assert [(rung.scheme, rung.kept) for rung in once.rungs] == [("static_wi4_ai8", False), ("static_wmixed_ai8", True)]
    assert once.rungs[1].agreement >= 0.97
    assert {layer.width for layer in once.layers} >= {"int4", "int8"}


def test_a_fallback_ladder_without_a_rung_that_keeps_the_rules_is_refused(climbed: Any) -> None:
    """Where no rung keeps the rules, as with ranges that cut off a third, the message says of each what it broke."""
    with pytest.raises(Refused) as refusal:
        climbed("static_wi4_ai8", percentile=67, max_drop=0, min_agreement=1, rungs=("int8",))

    problem = refusal.value.problems[0]
    assert problem.what == "export finds no rung of the fallback ladder that keeps the rules"
    assert "static_wi4_ai8: " in problem.got
    assert "int8: " in problem.got


def test_a_model_trained_for_int8_has_no_ladder(
    context: Context, digits: tuple[DatasetRef, Dataset], small_model: Model
) -> None:
    """Its rungs would need the float model; the converter is not even asked."""
    qat = small_model.model_copy(update={"format": "qat_h5"})

    with pytest.raises(Refused) as refusal:
        export(
            ExportInputs(model=qat, scheme="static_wi4_ai8", data=digits[0]),
            ExportParams(fallback_ladder=FallbackLadder()),
            context,
        )

    assert refusal.value.problems[0].what == "export has no float model to quantize"


@pytest.mark.parametrize(("qat", "scheme", "said"), [(True, "int8", "qat"), (False, "float16", "loses nothing")])
def test_a_candidate_that_cannot_climb_is_refused_by_its_contract(qat: bool, scheme: Scheme, said: str) -> None:
    """A recipe learns so at once, not after hours of training."""
    with pytest.raises(ValidationError, match=said):
        Candidate(
            name="a",
            quantize=QuantizeParams(scheme=scheme, qat=qat),
            export=ExportParams(fallback_ladder=FallbackLadder()),
        )


@pytest.mark.parametrize(
    ("drop", "agreement", "broken"),
    [(0.01, 0.98, 0), (0.0101, 0.98, 1), (0.02, 0.97, 2), (-0.1, 0.98, 0), (float("nan"), 0.98, 1)],
)
def test_rules_hold_on_the_edge(drop: float, agreement: float, broken: int) -> None:
    """A drop of exactly what is allowed passes; one that is no number does not."""
    compared = Comparison(quality=0.9, drop=drop, agreement=agreement, divergence=0.0)

    assert len(broken_rules(compared, FallbackLadder(max_drop=0.01, min_agreement=0.98), SHARE)) == broken


def test_a_rung_is_there_once() -> None:
    """A ladder that tries the same again is a mistake."""
    with pytest.raises(ValidationError, match="each rung once"):
        FallbackLadder(rungs=("dynamic_wi8_afp32", "dynamic_wi8_afp32"))


TRAINING = {"fit": {"epochs": 2, "batch_size": 60, "learning_rate": 1e-3}, "distillation": {"alpha": 0.5}}
"""Enough for the small network to get used to int8."""


def test_a_network_can_be_trained_for_int8_on_a_rung(climbed: Any) -> None:
    """Ranges that cut off a third spoil int8; after QAT it has its own, and keeps its accuracy."""
    found = climbed("int8", percentile=67, max_drop=0.05, rungs=("qat", "float16"), qat=TRAINING)

    left, kept = found.rungs
    assert (left.name, left.kept) == ("int8", False)
    assert (kept.name, kept.qat, kept.kept, found.scheme) == ("int8 (QAT)", True, True, "int8")
    assert kept.size_bytes < left.size_bytes * 1.1
    assert (found.source.format, found.source.stages[-1]) == ("qat_h5", "quantize qat")
    assert found.source.validation_quality == pytest.approx(found.validation_quality, abs=0.05)


def test_what_a_rung_trained_is_kept_and_found(climbed: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """An export that died after its training trains no second time; a candidate trained so anyway finds it too."""
    fit = {"epochs": 1, "batch_size": 60, "learning_rate": 2e-3}

    first, second = (
        climbed("int8", percentile=67, max_drop=1, min_agreement=1, rungs=("qat", "float16"), qat={"fit": fit})
        for _ in range(2)
    )

    said = capsys.readouterr().out
    assert (said.count("quantize: miss"), said.count("quantize: hit")) == (1, 1)
    assert first.rungs == second.rungs


@pytest.mark.parametrize(
    "broken", [OutOfReach(Problem("the store", "an answer", "none", "start it")), RuntimeError("a fault of ours")]
)
def test_a_training_that_breaks_is_no_answer(broken: Exception, climbed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store out of reach or a fault of the program does not cost the rung, and no other file ships instead."""

    def breaks(*_: Any) -> Any:
        raise broken

    monkeypatch.setattr(featherline.tasks.steps.quantize, "quantize", breaks)

    with pytest.raises(type(broken)):
        climbed("static_wi4_ai8", max_drop=1, min_agreement=1, rungs=("qat", "float16"))


def test_nothing_is_trained_before_its_rung(climbed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training is what costs most, so a rung that stands before it and keeps the rules ends the climb."""
    monkeypatch.setattr(featherline.tasks.steps.quantize, "quantize", lambda *_: pytest.fail("it trained"))

    found = climbed("static_wi4_ai8", max_drop=1, min_agreement=1, rungs=("float16", "qat"))

    assert [rung.name for rung in found.rungs] == ["static_wi4_ai8", "float16"]


def test_a_network_that_cannot_be_trained_for_int8_climbs_on(climbed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer that TFMOT does not cover costs that rung alone, and the rung says which layer it is."""

    def uncovered(*_: Any) -> Any:
        raise refuse("x", expected="y", got="a layer that nobody covers", fix="z")

    monkeypatch.setattr(featherline.tasks.steps.quantize, "quantize", uncovered)

    found = climbed("static_wi4_ai8", max_drop=1, min_agreement=1, rungs=("qat", "float16"))

    assert [(rung.name, rung.kept) for rung in found.rungs[1:]] == [("int8 (QAT)", False), ("float16", True)]
    assert found.rungs[1].why == "cannot be made: a layer that nobody covers"


def test_a_rung_that_trains_needs_an_epoch() -> None:
    """Ranges are learnt; a recipe learns so before the run."""
    with pytest.raises(ValidationError, match="at least 1 epoch of qat"):
        FallbackLadder.model_validate({"qat": {"fit": {"epochs": 0}}})
    with pytest.raises(ValidationError, match="without it nothing is trained"):
        FallbackLadder.model_validate({"rungs": ["static_wmixed_ai8"], "qat": {"fit": {"epochs": 3}}})
