"""What a search has shown as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from featherline.tasks.compression.search.summary import agreements, lines, ranks, spearman, summarised
from featherline.tasks.contracts.model import Architecture
from featherline.tasks.contracts.trials import Trial, Trials


def trial(number: int, quality: float | None, macs: int = 100, **values: Any) -> Trial:
    """Return a trial; its accuracy is that of the first rung, too."""
    fields = {"state": "complete", "epochs": 1, "parameters": macs, "size_bytes": 10, "seconds": 1.0, **values}
    architecture = Architecture(builder="resnet", options={"width": fields.pop("width", number)})
    fields.setdefault("first_quality", quality)
    return Trial(number=number, architecture=architecture, quality=quality, macs=macs, **fields)


def test_equal_values_share_the_mean_rank() -> None:
    """Of 5, 1, 5, 3 the fives share 3 and 4."""
    assert ranks([5, 1, 5, 3]) == [3.5, 1.0, 3.5, 2.0]


def test_spearman_is_one_where_the_order_is_the_same() -> None:
    """Any rising function is 1, any falling one -1; one exchange of four neighbours' ranks is 1 - 6 * 2 / 60."""
    assert spearman([1, 2, 3, 4], [1, 8, 27, 64]) == pytest.approx(1)
    assert spearman([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    assert spearman([1, 2, 3, 4], [1, 2, 4, 3]) == pytest.approx(0.8)


def test_spearman_is_that_of_scipy() -> None:
    """With ties, too."""
    generator = np.random.default_rng(0)
    one, other = generator.integers(0, 5, 20).tolist(), generator.integers(0, 5, 20).tolist()

    assert spearman(one, other) == pytest.approx(spearmanr(one, other).statistic)


def test_there_is_no_spearman_of_two_or_of_equals() -> None:
    """Two points always agree or disagree; equal values have no order."""
    assert spearman([1, 2], [1, 2]) is None
    assert spearman([1, 1, 1], [1, 2, 3]) is None


def test_agreements_are_with_the_accuracy_that_all_trials_have() -> None:
    """The promoted trial counts by its first rung; one that came up again and one without a score do not count."""
    trained = [
        trial(0, 0.9, naswot=3.0, synflow=1.0, first_quality=0.3),
        trial(1, 0.2, naswot=2.0, synflow=2.0),
        trial(2, 0.1, naswot=1.0, synflow=3.0),
        trial(3, 0.1, naswot=1.0, synflow=3.0, width=2),
        trial(4, 0.5, naswot=None, synflow=0.5),
    ]

    found = {each.score: (each.spearman, each.trials) for each in agreements(trained)}

    assert found["naswot"] == (pytest.approx(1), 3)
    assert found["synflow"] == (pytest.approx(-1), 4)
    assert found["parameters"] == (None, 4)


def test_both_fronts_are_measured_from_the_dearest_trial_of_either() -> None:
    """Reference 200 MACs: 0.5 at 100 is 0.25; the control's 0.8 at 200 adds nothing to its 0.4 at 50, 0.3."""
    trials = Trials(
        study="s",
        sampler="nsga2",
        trials=(trial(0, 0.5, 100), trial(1, None, 1, state="infeasible")),
        control=(trial(0, 0.4, 50), trial(1, 0.8, 200)),
    )

    found = summarised(trials)

    assert found.hypervolumes is not None
    assert found.hypervolumes.reference == 200
    assert found.hypervolumes.search == pytest.approx(0.25)
    assert found.hypervolumes.control == pytest.approx(0.3)
    assert lines(found)[-1] == (
        "hypervolume 0.2500 of 2 trials by nsga2, 0.3000 of 2 random trials (reference: 200 MACs)"
    )


def test_the_objective_is_what_is_measured() -> None:
    """Against size the reference is in bytes; without a control and without trained trials nothing is said of them."""
    trials = Trials(study="s", sampler="tpe", objective="size", trials=(trial(0, 0.5, size_bytes=7),))

    found = summarised(trials)

    assert found.hypervolumes is not None
    assert (found.hypervolumes.reference, found.hypervolumes.control) == (7, None)
    assert lines(found) == ["hypervolume 0.0000 of 1 trials by tpe (reference: 7 bytes)"]
    assert summarised(trials.model_copy(update={"trials": (trial(0, None, state="failed"),)})).hypervolumes is None
