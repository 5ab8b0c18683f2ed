"""A metric of which less is better, wherever qualities are compared: gate, choice, ladder, search, proposals."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.trial import create_trial

from featherline.tasks.compression.quantization.post_training.float_reference import Comparison
from featherline.tasks.compression.quantization.post_training.ladder import broken_rules
from featherline.tasks.compression.search.proposals import Proposals
from featherline.tasks.compression.search.reinforce import policies, reward
from featherline.tasks.compression.search.summary import agreements, summarised
from featherline.tasks.contracts.candidate import Candidate
from featherline.tasks.contracts.device import Budget
from featherline.tasks.contracts.measurement import Latency, Measurement, Verdict
from featherline.tasks.contracts.model import LiteRTModel, Model
from featherline.tasks.contracts.post_training import FallbackLadder
from featherline.tasks.contracts.quality import Quality
from featherline.tasks.contracts.references import ModelFileRef
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.evaluate import EvaluateOutputs
from featherline.tasks.contracts.steps.train import ValidationMetrics
from featherline.tasks.contracts.steps.validate_metrics import GateRules
from featherline.tasks.contracts.steps.validate_model import ValidateModelInputs, ValidateModelParams
from featherline.tasks.contracts.trials import Trial, Trials
from featherline.tasks.judging.candidates.compare import compare
from featherline.tasks.judging.candidates.measured import Measured
from featherline.tasks.judging.candidates.rules import bounds_of
from featherline.tasks.planning.auto.outcomes import outcomes
from featherline.tasks.problems import opening
from featherline.tasks.problems.protocol import Scores
from featherline.tasks.running.context import Context
from featherline.tasks.steps.validate_model import validate_model
from tests.tasks.errors import ERROR, MeanError

PROBLEM = MeanError()


def measured(errors: list[float] | None, value: float, *, low: float = 0.0, high: float = 9.0) -> Measured:
    """Return a measurement of a file with these errors; of another test split where there are none."""
    numbers = {
        "quality.value": value,
        "quality.low": low,
        "quality.high": high,
        "quality.confidence": 0.95,
        "samples": 4,
    }
    scores = None if errors is None else Scores(np.array(errors), np.full(len(errors), -1))
    return Measured("int8", numbers, np.zeros(0), "", scores, "", PROBLEM, sliced=False)


def test_a_larger_error_is_a_drop() -> None:
    """From 1 to 1.5 mm half a millimetre is lost; the other way it is gained."""
    worse = compare(measured([1.0, 1.0], 1.0), measured([1.0, 2.0], 1.5), seed=0)
    better = compare(measured([1.0, 2.0], 1.5), measured([1.0, 1.0], 1.0), seed=0)

    assert (worse.drop, better.drop) == (0.5, -0.5)
    assert worse.low <= 0.5 <= worse.high
    assert (worse.p_value, worse.paired) == (None, True)
    assert str(worse).startswith("0.5 mm (95% interval ")


def test_of_other_samples_the_intervals_are_joined() -> None:
    """Two errors known to 3 and 4 tenths differ by 1, known to 5 tenths."""
    found = compare(measured(None, 1.0, low=0.7, high=1.3), measured(None, 2.0, low=1.6, high=2.4), seed=0)

    assert found.drop == 1.0
    assert (found.low, found.high) == pytest.approx((0.5, 1.5))


@pytest.mark.parametrize(("value", "room"), [(0.5, 0.0), (0.4, 0.1), (0.6, -0.1)])
def test_a_floor_is_the_most_that_may_be(value: float, room: float) -> None:
    """0.5 mm keeps a bound of 0.5 mm, and 0.6 breaks it."""
    constant = PROBLEM.constant(np.array([[0.0], [2.0]]))

    floor = bounds_of(GateRules(min_quality=0.5), champion=False, constant=constant, problem=PROBLEM)[0]

    assert (floor.minimum, floor.maximum) == (None, 0.5)
    assert floor.margin(value) == pytest.approx(room)
    assert "at most 0.5 mm" in floor.expected


def test_an_unnamed_floor_is_better_than_the_median() -> None:
    """Targets of 0 and 2 have the error 1 of their median, which alone does not pass."""
    constant = PROBLEM.constant(np.array([[0.0], [2.0]]))

    floor = bounds_of(GateRules(), champion=False, constant=constant, problem=PROBLEM)[0]

    assert (floor.margin(1.0) or 0.0) <= 0
    assert floor.maximum == math.nextafter(1.0, 0.0)


def test_what_is_least_is_rewarded_most() -> None:
    """The objective and the front take less of what more is better of."""
    small, large = (Quality(metric=ERROR, value=value, low=0, high=9, confidence=0.95) for value in (0.2, 0.7))

    assert small.reward > large.reward
    assert small.drop_to(large) == pytest.approx(0.5)
    assert ERROR.best_of((0.7, 0.2, 0.5)) == 0.2


def test_the_ladder_leaves_what_errs_more() -> None:
    """A file that errs half a millimetre more than the float file breaks a rule of 0.3, one that errs less keeps it."""
    ladder = FallbackLadder(max_drop=0.3)
    worse, better = (
        Comparison(quality=value, drop=ERROR.drop(1.0, value), agreement=1.0, divergence=0.0) for value in (1.5, 0.2)
    )

    assert broken_rules(worse, ladder, ERROR) == ["loses 0.5 mm, more than 0.3 mm"]
    assert broken_rules(better, ladder, ERROR) == []


def trial(number: int, error: float | None, macs: int, **values: Any) -> Trial:
    """Return a trial that came to this error."""
    given = {"number": number, "architecture": {"builder": "cnn", "options": {"width": number}}, "state": "complete"}
    counted = {"epochs": 1, "macs": macs, "parameters": 1, "size_bytes": 1, "seconds": 0.0}
    return Trial.model_validate({**given, **counted, "quality": error, "first_quality": error, **values})


def test_the_hypervolume_grows_as_errors_shrink() -> None:
    """Between the worst error of all, 4 mm, and none: 1 mm at half the cost of the dearest covers 3/4 of 1/2."""
    found = summarised(
        Trials(
            study="s", sampler="random", objective="macs", metric=ERROR,
            trials=(trial(0, 1.0, 100), trial(1, 4.0, 200)), control=(trial(0, 3.0, 100),),
        )
    ).hypervolumes  # fmt: skip

    assert found is not None
    assert (found.search, found.control) == (pytest.approx(3 / 8), pytest.approx(1 / 8))


def test_scores_agree_with_small_errors() -> None:
    """A score that is high where the error is low agrees, whatever the numbers do."""
    trials = [trial(number, error, 100, naswot=float(number)) for number, error in enumerate((3.0, 2.0, 1.0))]

    found = {each.score: each.spearman for each in agreements(trials, ERROR)}

    assert found["naswot"] == pytest.approx(1.0)


def test_the_policy_learns_to_err_less() -> None:
    """Width 16 always errs less: after 16 trials it is preferred; of equal errors the dearer is rewarded less."""
    space = {"width": CategoricalDistribution((8, 16))}
    trials = []
    for number in range(16):
        values = [ERROR.reward(2.0 - number % 2), 100.0]
        trials.append(create_trial(params={"width": 8 * (1 + number % 2)}, distributions=space, values=values))
        trials[-1].number = number

    assert policies(trials, space, None)["width"][1] > 0.9
    assert reward(-1.0, 200, 100) < reward(-1.0, 100, 100) < reward(-0.5, 100, 100)


def test_what_could_not_be_trained_is_told_as_the_worst() -> None:
    """Told as 0 mm, an architecture beyond the budget would be the best of all."""
    proposals = Proposals(
        optuna.samplers.RandomSampler(seed=0),
        {"width": CategoricalDistribution((8, 16, 32, 64))},
        objective="macs",
        in_flight=1,
        metric=ERROR,
    )
    records = {0: trial(0, 2.0, 100), 1: trial(1, None, 500, state="infeasible"), 2: trial(2, 1.0, 100)}

    gains = [proposals._gain(record) for record in records.values()]

    assert gains == [-2.0, -2.0, -1.0]


@pytest.mark.parametrize(("error", "good"), [(1.3, True), (1.31, False), (0.2, True)])
def test_a_proposal_is_good_where_it_errs_little_more(error: float, good: bool) -> None:
    """0.3 mm more than 1 mm are allowed, and not a hundredth more; 1.3 - 1.0 is not quite 0.3 in floating point."""
    measurement = Measurement.model_construct(
        quality=Quality(metric=ERROR, value=error, low=0, high=9, confidence=0.95),
        size_bytes=1, macs=1, peak_ram_bytes=1, latency_ms=Latency.model_construct(p50=0.5),
    )  # fmt: skip
    baseline, arrived = (
        EvaluateOutputs.model_construct(
            model=LiteRTModel.model_construct(validation_quality=value, validation_slices=())
        )
        for value in (1.0, error)
    )

    (found,) = outcomes(
        [Candidate.model_construct(name="int8", auto=None)],
        {"int8": (arrived, measurement)},
        baseline,
        budget=Budget(),
        rules=GateRules(min_quality=2.0, max_drop=0.3),
        objective="quality",
    )

    assert (found.good, found.cost) == (good, error)


def test_the_gate_compares_with_the_champion_in_its_direction() -> None:
    """A challenger that errs 0.2 mm more than the champion breaks a rule of 0.1; one that errs less does not."""
    constant = PROBLEM.constant(np.array([[0.0], [2.0]]))
    rules = GateRules(min_quality=2.0, max_champion_drop=0.1)
    (bound,) = (
        each
        for each in bounds_of(rules, champion=True, constant=constant, problem=PROBLEM)
        if each.name == "max_champion_drop"
    )
    champion = measured([1.0, 1.0], 1.0)

    worse = compare(champion, measured([1.2, 1.2], 1.2), seed=0)
    better = compare(champion, measured([0.5, 0.5], 0.5), seed=0)

    assert (bound.margin(worse.drop) or 0) < 0 < (bound.margin(better.drop) or 0)


@pytest.mark.parametrize(("error", "passed"), [(0.5, True), (1.5, False)])
def test_the_gate_of_the_float_model_asks_for_at_most_its_error(
    error: float,
    passed: bool,
    context: Context,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The problem asks for 1 mm where the recipe does not."""
    monkeypatch.setitem(opening.PROBLEMS, PROBLEM.name, MeanError)
    metrics = ValidationMetrics(quality=error, metric=ERROR, problem=PROBLEM.name, loss=0.1, slices=(), samples=9)
    file = context.store.put_bytes(b"model", ModelFileRef)
    model = Model(file=file, parameters=1, macs=1, validation_quality=error)
    gate = partial(
        validate_model, ValidateModelInputs(model=model, metrics=metrics), ValidateModelParams(recipe="r"), context
    )

    if passed:
        assert context.store.read(gate().verdict, Verdict).passed
        return
    with pytest.raises(Refused) as refused:
        gate()
    assert "at most 1 mm" in str(refused.value)
