"""The REINFORCE controller: its reward, and that it learns from the study alone."""

from __future__ import annotations

import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial, create_trial

from featherline.tasks.compression.search.reinforce import ReinforceSampler, policies, reward

SPACE = {"width": CategoricalDistribution((8, 16)), "kernel": CategoricalDistribution((3, 5))}


def finished(width: int, kernel: int, quality: float, macs: float, number: int) -> FrozenTrial:
    """Return a trial that was told."""
    params = {"width": width, "kernel": kernel}
    trial = create_trial(params=params, distributions=SPACE, values=[quality, macs])
    trial.number = number
    return trial


def test_the_reward_trades_accuracy_for_cost() -> None:
    """On target it is the accuracy; at twice the cost it is 2 to the -0.07 of it."""
    assert reward(0.8, 100, 100) == pytest.approx(0.8)
    assert reward(0.8, 200, 100) == pytest.approx(0.8 * 0.9526, rel=1e-3)


def test_the_policy_moves_to_what_was_rewarded() -> None:
    """Width 16 was always better, the kernel never mattered: the policy prefers 16 and keeps both kernels."""
    trials = [finished(8 * (1 + n % 2), 3 + 2 * (n // 2 % 2), 0.5 + 0.4 * (n % 2), 100, n) for n in range(16)]

    learned = policies(trials, SPACE, None)

    assert learned["width"][1] > 0.9
    assert 0.2 < learned["kernel"][1] < 0.8
    assert learned["width"].sum() == pytest.approx(1)


def test_the_policy_does_not_depend_on_the_order_of_reading() -> None:
    """Trials are replayed by number, so every worker has the same policy."""
    trials = [finished(8 * (1 + n % 2), 3, 0.1 * n, 100, n) for n in range(6)]

    one, other = policies(trials, SPACE, 50), policies(trials[::-1], SPACE, 50)

    assert one["width"].tolist() == other["width"].tolist()


def test_without_trials_all_is_even() -> None:
    """Nothing learned is an even chance."""
    assert policies([], SPACE, None)["width"].tolist() == [0.5, 0.5]


def test_the_sampler_finds_the_better_choice() -> None:
    """In a study whose accuracy depends on one choice, later trials take it far more often than chance."""
    study = optuna.create_study(
        directions=["maximize", "minimize"], sampler=ReinforceSampler(SPACE, target=100, seed=0)
    )
    for _ in range(40):
        trial = study.ask(SPACE)
        study.tell(trial, [0.9 if trial.params["width"] == 16 else 0.5, 100.0])

    late = [trial.params["width"] for trial in study.trials[20:]]
    assert late.count(16) > 15
