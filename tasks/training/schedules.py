"""Learning rates: one number for each step of a training, known before it starts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.fit import Fit

WARM_UP = 0.3
"""Part of a one-cycle schedule that climbs."""

START = 1 / 25
"""Where a one-cycle schedule starts, as part of its peak."""


def learning_rates(fit: Fit, steps: int) -> NDArray[np.float32]:
    """Return the learning rate of each step, (steps,), never above `fit.learning_rate`.

    constant: the peak throughout. cosine: from the peak down to nearly 0, half a cosine. one_cycle: up from 1/25 of
    the peak during the first 30 % of the steps, then down to nearly 0, both half cosines.

    Source: Smith and Topin 2017, https://arxiv.org/abs/1708.07120; Loshchilov and Hutter 2017, section 3,
    https://arxiv.org/abs/1608.03983
    """
    part = np.arange(steps, dtype=np.float64) / max(steps, 1)
    if fit.schedule == "constant":
        shape = np.ones(steps)
    elif fit.schedule == "cosine":
        shape = _fall(part)
    else:
        climbing = START + (1 - START) * (1 - _fall(part / WARM_UP))
        shape = np.where(part < WARM_UP, climbing, _fall((part - WARM_UP) / (1 - WARM_UP)))
    rates: NDArray[np.float32] = (fit.learning_rate * shape).astype(np.float32)
    return rates


def _fall(part: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fall from 1 at 0 to 0 at 1 along half a cosine."""
    return 0.5 * (1 + np.cos(np.pi * np.clip(part, 0, 1)))
