"""The step `search`: trials that are trained, promoted, refused for the device and recorded."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.device import Budget
from featherline.tasks.contracts.fit import Fit
from featherline.tasks.contracts.modalities.image import PreprocessingChoice
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.request import Variable
from featherline.tasks.contracts.steps.search import SearchInputs, SearchOutputs, SearchParams, SearchSpace, TrialFilter
from featherline.tasks.contracts.trials import SCORES, Trials
from featherline.tasks.running.context import Context
from featherline.tasks.running.execute import work_of
from featherline.tasks.steps.search import search

SPACE = SearchSpace(builder="cnn", fixed={"widths": [8, 8]}, choices={"widths.1": (8, 16, 32), "dense": (0, 16)})
PARAMS = SearchParams(
    space=SPACE,
    trials=5,
    population=2,
    epochs=1,
    promoted_epochs=2,
    promote_fraction=0.5,
    fit=Fit(batch_size=32, learning_rate=0.02),
    budget=Budget(macs=30_000),
)


@pytest.fixture(autouse=True)
def studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder for studies of this test alone."""
    folder = tmp_path / "studies"
    monkeypatch.setenv(Variable.STUDIES, str(folder))
    return folder


def searched(inputs: SearchInputs, params: SearchParams, context: Context) -> SearchOutputs:
    """Search as the shell has it done: with the work, after which the study is named."""
    return search(inputs, params, replace(context, work=work_of("search", inputs, params, context)))


def trials_of(context: Context, data: DatasetRef, params: SearchParams, worker: int = 0) -> Trials:
    """Search and return what was recorded."""
    outputs = searched(SearchInputs(data=data, worker=worker), params, context)
    assert outputs.trials is not None
    return context.store.read(outputs.trials, Trials)


def test_searches_trains_and_promotes(context: Context, digits: tuple[DatasetRef, Dataset]) -> None:
    """Every trial is in the snapshot: trained for one rung or two, or infeasible and untrained, with the reason."""
    trials = trials_of(context, digits[0], PARAMS).trials

    assert len(trials) == 5
    complete = [trial for trial in trials if trial.state == "complete"]
    infeasible = [trial for trial in trials if trial.state == "infeasible"]
    assert len(complete) + len(infeasible) == 5
    assert {trial.epochs for trial in complete} <= {1, 2}
    assert complete[0].epochs == 2
    assert all(trial.macs <= 30_000 and trial.quality is not None for trial in complete)
    assert all(trial.macs > 30_000 and trial.epochs == 0 and trial.quality is None for trial in infeasible)
    assert all("30,000 allowed" in trial.reason for trial in infeasible)
    assert {16, 32} & {trial.architecture.options["widths"][1] for trial in trials}  # type: ignore[index]


@pytest.mark.parametrize(
    ("choice", "fed"), [("auto", "raw: pixels as they are"), ("unit", "unit: (pixel / 16 - 0) / 1")]
)
def test_networks_are_fed_by_what_they_begin_with(
    choice: PreprocessingChoice,
    fed: str,
    *,
    context: Context,
    digits: tuple[DatasetRef, Dataset],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A builder of the user's own that scales pixels gets pixels, unless the recipe says otherwise."""
    (tmp_path / f"scaling_{choice}.py").write_text(
        "from featherline.tasks.networks.framework import keras\n"
        "L = keras.layers\n"
        "def net(shape, classes, width):\n"
        "    layers = [L.Input(shape), L.Rescaling(1 / 16), L.Flatten(), L.Dense(width), L.Dense(classes)]\n"
        "    return keras.Sequential(layers)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    space = SearchSpace(builder=f"scaling_{choice}:net", choices={"width": (8, 16)})
    asked = PARAMS.model_copy(update={"space": space, "trials": 1, "preprocessing": choice})

    trials = trials_of(context, digits[0], asked).trials

    assert f"search: preprocessing {fed}" in capsys.readouterr().out
    assert [trial.state for trial in trials] == ["complete"]


def test_another_worker_and_another_run_find_the_study_done(
    context: Context, digits: tuple[DatasetRef, Dataset], capsys: pytest.CaptureFixture[str]
) -> None:
    """They give the same snapshot without training anything."""
    first = searched(SearchInputs(data=digits[0]), PARAMS.model_copy(update={"trials": 2}), context)
    capsys.readouterr()

    second = searched(SearchInputs(data=digits[0], worker=1), PARAMS.model_copy(update={"trials": 2}), context)

    assert first == second
    assert "2 of 2 trials are there" in capsys.readouterr().out


def test_all_budgets_are_checked_before_training(context: Context, digits: tuple[DatasetRef, Dataset]) -> None:
    """Size and memory are estimated; a trial names everything that is too much."""
    tight = Budget(macs=100, size_bytes=100, peak_ram_bytes=100)

    trials = trials_of(context, digits[0], PARAMS.model_copy(update={"trials": 1, "budget": tight})).trials

    assert trials[0].state == "infeasible"
    assert [word in trials[0].reason for word in ("MACs", "int8 file", "RAM")] == [True, True, True]


def test_a_trial_that_cannot_be_built_is_recorded(context: Context, digits: tuple[DatasetRef, Dataset]) -> None:
    """One impossible width fails its trials; the others are trained."""
    space = SPACE.model_copy(update={"choices": {"widths.1": (-1, 8)}})

    trials = trials_of(context, digits[0], PARAMS.model_copy(update={"space": space})).trials

    states = {trial.architecture.options["widths"][1]: trial.state for trial in trials}  # type: ignore[index]
    assert states == {-1: "failed", 8: "complete"}
    assert "cannot be built with widths[1]" in next(trial.reason for trial in trials if trial.state == "failed")


def test_a_search_without_a_single_success_is_refused(context: Context, digits: tuple[DatasetRef, Dataset]) -> None:
    """Where every trial failed the run stops with the reasons."""
    space = SPACE.model_copy(update={"choices": {"widths.1": (-1, 0)}})

    with pytest.raises(Refused) as refused:
        search(SearchInputs(data=digits[0]), PARAMS.model_copy(update={"space": space, "trials": 2}), context)

    assert refused.value.problems[0].what == "search found no architecture that can be trained"


@pytest.mark.parametrize(
    ("change", "fix"),
    [
        ({"builder": "cnnn"}, "did you mean cnn?"),
        ({"choices": {"densee": (1, 2)}}, "did you mean dense?"),
        ({"choices": {"widths.7": (1, 2)}}, "fix widths to a list of the length you want"),
    ],
)
def test_a_wrong_space_is_refused_at_the_door(
    context: Context, digits: tuple[DatasetRef, Dataset], change: dict[str, Any], fix: str
) -> None:
    """An unknown builder or option does not fail every trial, it refuses the search."""
    params = PARAMS.model_copy(update={"space": SPACE.model_copy(update=change)})

    with pytest.raises(Refused) as refused:
        search(SearchInputs(data=digits[0]), params, context)

    assert fix in refused.value.problems[0].fix


def test_every_trained_trial_has_its_scores_and_the_log_says_what_they_are_worth(
    context: Context, digits: tuple[DatasetRef, Dataset], capsys: pytest.CaptureFixture[str]
) -> None:
    """Scores are recorded beside the accuracy; with three trained networks there is a rank correlation of each."""
    found = trials_of(context, digits[0], PARAMS.model_copy(update={"budget": Budget()}))

    assert all(trial.synflow and trial.naswot and trial.first_quality is not None for trial in found.trials)
    assert [(each.score, each.trials) for each in found.agreements] == [
        (score, len({trial.architecture.to_json() for trial in found.trials})) for score in SCORES
    ]
    said = capsys.readouterr().out
    assert all(
        f"search: {each.score} and accuracy: Spearman {each.spearman:.2f} over {each.trials} trials" in said
        for each in found.agreements
    )
    assert found.hypervolumes is not None
    assert found.hypervolumes.control is None


def test_a_filter_trains_only_the_better_part(context: Context, digits: tuple[DatasetRef, Dataset]) -> None:
    """By parameters, half: a trial is trained if fewer than half of those that it may know are larger; others say why.

    The first trial has nothing to be compared with.
    """
    better_half = TrialFilter(by="parameters", keep=0.5)
    change = {"budget": Budget(), "filter": better_half, "sampler": "random", "in_flight": 1}
    params = PARAMS.model_copy(update=change)

    trials = trials_of(context, digits[0], params).trials

    assert trials[0].state == "complete"
    for place, trial in enumerate(trials):
        larger = sum(other.parameters >= trial.parameters for other in trials[:place])
        assert (trial.state == "complete") == (larger < math.ceil((place + 1) / 2))
    filtered = [trial for trial in trials if trial.state == "filtered"]
    assert filtered
    assert all(trial.quality is None and trial.epochs == 0 and "are trained" in trial.reason for trial in filtered)


def test_a_control_is_as_many_random_trials_beside_it(
    context: Context, digits: tuple[DatasetRef, Dataset], capsys: pytest.CaptureFixture[str]
) -> None:
    """They are no trials of the study; both fronts are measured, and a second worker finds both done."""
    params = PARAMS.model_copy(update={"budget": Budget(), "control": True, "trials": 3, "promoted_epochs": 1})

    found = trials_of(context, digits[0], params)
    capsys.readouterr()
    again = trials_of(context, digits[0], params, worker=1)

    assert [len(found.trials), len(found.control)] == [3, 3]
    assert found.hypervolumes is not None
    assert found.hypervolumes.control is not None
    assert 0 < found.hypervolumes.control <= 1
    assert again == found
    assert capsys.readouterr().out.count("3 of 3 trials are there") == 2


def test_latency_is_measured_of_the_int8_file_before_training(
    context: Context, digits: tuple[DatasetRef, Dataset]
) -> None:
    """No network runs in a picosecond: it is infeasible by its measured time. In a second each does, and is trained."""
    never = PARAMS.model_copy(update={"trials": 1, "budget": Budget(latency_ms_p50=1e-9)})
    always = PARAMS.model_copy(update={"trials": 1, "budget": Budget(latency_ms_p50=1000.0)})

    (slow,) = trials_of(context, digits[0], never).trials
    (fast,) = trials_of(context, digits[0], always).trials

    assert (slow.state, slow.epochs) == ("infeasible", 0)
    assert slow.reason.endswith("ms of latency, measured; 1e-09 allowed")
    assert fast.state == "complete"
    assert slow.latency_ms is not None
    assert fast.latency_ms is not None
    assert 0 < fast.latency_ms < 1000


def test_latency_is_not_measured_of_what_is_too_large_anyway(
    context: Context, digits: tuple[DatasetRef, Dataset]
) -> None:
    """Bounds that are counted come first."""
    tight = PARAMS.model_copy(update={"trials": 1, "budget": Budget(macs=100, latency_ms_p50=1e-9)})

    (trial,) = trials_of(context, digits[0], tight).trials

    assert trial.latency_ms is None
    assert "latency" not in trial.reason


def test_a_trial_begins_with_the_weights_of_its_relative(
    context: Context, digits: tuple[DatasetRef, Dataset], capsys: pytest.CaptureFixture[str]
) -> None:
    """All but the first say whose they are, and one epoch more on them beats one epoch from nothing."""
    space = SPACE.model_copy(update={"choices": {"widths.1": (16, 24, 32), "dense": (0,)}})
    change = {"space": space, "trials": 3, "promoted_epochs": 1, "budget": Budget(), "sampler": "random"}
    change["in_flight"] = 1
    asked = PARAMS.model_copy(update=change)

    fresh = trials_of(context, digits[0], asked).trials
    heirs = trials_of(context, digits[0], asked.model_copy(update={"inherit": True})).trials

    assert all(trial.inherited_from is None for trial in fresh)
    assert [trial.inherited_from is not None for trial in heirs] == [False, True, True]
    assert heirs[1].quality > max(trial.quality for trial in fresh)  # type: ignore[type-var]
    assert "of its weights from trial" in capsys.readouterr().out
