"""The step `choose`: from snapshots to the architectures worth training."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from featherline.tasks.contracts.model import Architecture
from featherline.tasks.contracts.references import TrialsRef
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.choose import ChooseInputs, ChooseParams
from featherline.tasks.contracts.steps.search import SearchOutputs
from featherline.tasks.contracts.trials import Trial, Trials
from featherline.tasks.running.context import Context
from featherline.tasks.steps.choose import choose, merge


def trial(number: int, quality: float | None, macs: int = 100, width: int | None = None, **values: Any) -> Trial:
    """Return a trial whose network is `width` wide, or as wide as its number."""
    fields = {
        "state": "complete",
        "epochs": 1,
        "parameters": 10,
        "size_bytes": 1000 - macs,
        "seconds": 1.0,
        **values,
    }
    options = {"width": number if width is None else width}
    architecture = Architecture(builder="resnet", options=options)
    return Trial(number=number, architecture=architecture, quality=quality, macs=macs, **fields)


def snapshot(*trials: Trial, study: str = "study") -> Trials:
    """Return what one worker saw."""
    return Trials(study=study, sampler="random", trials=trials)


def inputs(context: Context, *snapshots: Trials) -> ChooseInputs:
    """Return the stored snapshots of the workers."""
    return ChooseInputs(workers=tuple(SearchOutputs(trials=context.store.put(each, TrialsRef)) for each in snapshots))


FOUR = snapshot(trial(0, 0.9, 200), trial(1, 0.8, 100), trial(2, 0.7, 150), trial(3, 0.6, 50))


def test_keeps_the_most_accurate_of_the_front(context: Context) -> None:
    """Trial 2 is dominated by trial 1; the front is 0, 1, 3, and the two most accurate of it stay."""
    outputs = choose(inputs(context, FOUR), ChooseParams(keep=2), context)

    assert outputs.front == (0, 1, 3)
    assert [(each.name, each.quality, each.macs) for each in outputs.architectures] == [
        ("searched-0", 0.9, 200),
        ("searched-1", 0.8, 100),
    ]


def test_what_lies_behind_the_front_comes_last(context: Context) -> None:
    """Asked for more than the front has, the next front follows."""
    outputs = choose(inputs(context, FOUR), ChooseParams(keep=9), context)

    assert [each.quality for each in outputs.architectures] == [0.9, 0.8, 0.6, 0.7]


def test_the_objective_is_the_searchs(context: Context) -> None:
    """Against size, which here grows as MACs fall, only the most accurate and cheapest network is on the front."""
    outputs = choose(inputs(context, FOUR), ChooseParams(keep=1, objective="size"), context)

    assert outputs.front == (0,)


def test_snapshots_are_merged_by_number(context: Context) -> None:
    """What one worker did not see yet another did; each trial is there once."""
    early, late = snapshot(trial(0, 0.9)), snapshot(trial(0, 0.9), trial(1, 0.8, 50))

    outputs = choose(inputs(context, late, early), ChooseParams(keep=2), context)

    assert outputs.trials is not None
    assert [each.number for each in context.store.read(outputs.trials, Trials).trials] == [0, 1]
    assert len(outputs.architectures) == 2


def test_a_network_that_was_tried_twice_is_kept_once(context: Context) -> None:
    """The better of its two trials counts."""
    outputs = choose(
        inputs(context, snapshot(trial(0, 0.7, width=8), trial(1, 0.8, width=8))), ChooseParams(keep=2), context
    )

    assert [each.quality for each in outputs.architectures] == [0.8]


def test_infeasible_and_failed_trials_are_never_kept(context: Context) -> None:
    """Only what was trained inside the budget is chosen."""
    bad = (trial(0, None, 1, state="infeasible"), trial(1, None, 1, state="failed"))

    outputs = choose(inputs(context, snapshot(*bad, trial(2, 0.1, 900))), ChooseParams(keep=3), context)

    assert [each.quality for each in outputs.architectures] == [0.1]


def test_nothing_inside_the_budget_is_refused_with_the_reasons(context: Context) -> None:
    """Each different reason is named, unless no architecture was wanted."""
    found = snapshot(trial(0, None, state="infeasible", reason="9 MACs; 5 allowed"))

    with pytest.raises(Refused) as refused:
        choose(inputs(context, found), ChooseParams(keep=1), context)

    assert refused.value.problems[0].got == "1 trials, none complete: 9 MACs; 5 allowed"
    assert choose(inputs(context, found), ChooseParams(keep=0), context).architectures == ()


def test_without_a_search_nothing_is_chosen(context: Context) -> None:
    """Workers that searched nothing give no architectures and no trials."""
    outputs = choose(ChooseInputs(workers=(SearchOutputs(trials=None),)), ChooseParams(keep=1), context)

    assert (outputs.architectures, outputs.trials, outputs.front) == ((), None, ())


def test_what_the_search_showed_is_said_of_all_workers_together(
    context: Context, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scores and fronts of the merged trials, with the control, which is never chosen."""
    scored = [
        trial(number, quality, 100 * (number + 1), naswot=quality, first_quality=quality)
        for number, quality in enumerate((0.3, 0.5, 0.4))
    ]
    one = snapshot(*scored[:2]).model_copy(update={"control": (trial(0, 0.9, 50, width=9),)})

    outputs = choose(inputs(context, one, snapshot(*scored)), ChooseParams(keep=1), context)

    assert [each.quality for each in outputs.architectures] == [0.5]
    assert outputs.trials is not None
    merged = context.store.read(outputs.trials, Trials)
    assert {each.score: each.trials for each in merged.agreements}["naswot"] == 3
    assert merged.hypervolumes is not None
    assert merged.hypervolumes.control == pytest.approx(0.9 * 250 / 300)
    assert "choose: naswot and quality: Spearman 1.00 over 3 trials" in capsys.readouterr().out


def test_different_studies_are_refused() -> None:
    """Accuracies of different data are not compared."""
    with pytest.raises(Refused) as refused:
        merge([snapshot(study="one"), snapshot(study="two")])

    assert refused.value.problems[0].got == "one, two"


def test_needs_no_tensorflow() -> None:
    """Importing the step does not import TensorFlow."""
    code = (
        "import sys, featherline.tasks.steps.choose; sys.exit('tensorflow' in sys.modules or 'optuna' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], check=False)

    assert done.returncode == 0
