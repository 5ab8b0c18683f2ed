"""REINFORCE as an Optuna sampler: a softmax policy for each choice, rewarded as in MnasNet.

    finished trials ──► replayed by number ──► policy ──► the next architecture

The policy is no state of its own: it is built anew from the results that a proposal knows, so every worker has the same
one, and a worker that begins again loses nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna import Study
from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState

from featherline.tasks.compression.search.choosing import ChoosingSampler

EXPONENT = -0.07
"""Of cost over target: twice the cost must bring 5 % more quality."""

RATE = 0.5
"""Step of the policy for an advantage of one standard deviation."""

MEMORY = 0.9
"""Of the moving average that is the baseline."""


def reward(quality: float, cost: float, target: float) -> float:
    """Return `quality * (cost / target) ** -0.07`; of a negative quality the power is 0.07, so that cost punishes too.

    Source: Tan et al. 2019, equation 2 with alpha = beta = -0.07, https://arxiv.org/abs/1807.11626
    """
    return float(quality * (cost / target) ** (EXPONENT if quality >= 0 else -EXPONENT))


def policies(
    trials: list[FrozenTrial], space: dict[str, CategoricalDistribution], target: float | None
) -> dict[str, NDArray[np.float64]]:
    """Return the probabilities of each choice after learning from the trials.

    Args:
        trials: Finished ones with values (quality, cost), of which more quality is better.
        space: The choices.
        target: Cost that is neither rewarded nor punished; the median of the trials' where absent.

    Source: Williams 1992, REINFORCE with a moving average as baseline, https://doi.org/10.1007/BF00992696; advantages
    are divided by the standard deviation of the rewards, so that the step does not depend on their scale.
    """
    logits = {name: np.zeros(len(choice.choices)) for name, choice in space.items()}
    known = sorted((trial for trial in trials if set(space) <= set(trial.params)), key=lambda trial: trial.number)
    if not known:
        return {name: _softmax(values) for name, values in logits.items()}
    wanted = target or float(np.median([trial.values[1] for trial in known]))
    rewards = [reward(trial.values[0], trial.values[1], wanted) for trial in known]
    spread = float(np.std(rewards)) or 1.0
    baseline = rewards[0]
    for trial, gained in zip(known, rewards, strict=True):
        for name, choice in space.items():
            taken = choice.to_internal_repr(trial.params[name])
            pull = -_softmax(logits[name])
            pull[int(taken)] += 1
            logits[name] += RATE * (gained - baseline) / spread * pull
        baseline = MEMORY * baseline + (1 - MEMORY) * gained
    return {name: _softmax(values) for name, values in logits.items()}


class ReinforceSampler(ChoosingSampler):
    """Samples each choice from its policy."""

    def __init__(self, space: dict[str, CategoricalDistribution], *, target: float | None, seed: int) -> None:
        """Learn the choices of `space`."""
        super().__init__(space, seed=seed)
        self.target = target

    def choose(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:  # noqa: ARG002
        """Return a value for each choice."""
        finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        learned = policies(finished, self.space, self.target)
        return {
            name: choice.choices[int(self.generator.choice(len(choice.choices), p=learned[name]))]
            for name, choice in self.space.items()
        }


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    raised = np.exp(logits - logits.max())
    probabilities: NDArray[np.float64] = raised / raised.sum()
    return probabilities
