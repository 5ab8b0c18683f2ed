"""What one layer thinks of each of its channels, by its weights alone.

    l1, l2     the norm of the kernel that makes the channel
    fpgm       how far that kernel lies from all others of the layer: what lies in their middle can be replaced by them
    bn_gamma   the scale that batch normalisation gives the channel

Source: Li et al. 2017, section 3.1, https://arxiv.org/abs/1608.08710 (l1); He et al. 2019, equation 5,
https://arxiv.org/abs/1811.00250 (fpgm); Liu et al. 2017, section 3, https://arxiv.org/abs/1708.06519 (gamma)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.networks.framework import KerasLayer
from featherline.tasks.networks.layer_kinds.table import kind_of, known_weights, made_last, maker_of

Scores = NDArray[np.float64]
Kernel = NDArray[np.float32]
"""(…, out), of the layer that makes the channels."""


def l1_norms(kernel: Kernel) -> Scores:
    """Return the sum of the magnitudes of each output channel of a kernel, (out,)."""
    norms: Scores = np.abs(_flat(kernel)).sum(0)
    return norms


def l2_norms(kernel: Kernel) -> Scores:
    """Return the root of the sum of the squares of each output channel of a kernel, (out,)."""
    norms: Scores = np.sqrt((_flat(kernel) ** 2).sum(0))
    return norms


def channel_distances(kernel: Kernel) -> Scores:
    """Return the sum of the Euclidean distances from each output channel of a kernel to all others, (out,).

    The channel with the smallest sum lies closest to the geometric median of the layer.
    """
    flat = _flat(kernel)
    squares = (flat**2).sum(0)
    distances = squares[:, None] + squares[None, :] - 2 * flat.T @ flat
    np.fill_diagonal(distances, 0.0)  # rounding would leave a little there, whose root is not so little
    sums: Scores = np.sqrt(np.maximum(distances, 0)).sum(0)
    return sums


def making_kernel(layer: KerasLayer) -> Kernel | None:
    """Return the kernel by which a layer makes its channels, (…, out), or None where it makes none."""
    place = maker_of(layer)
    weight = None if place is None else known_weights(layer)[place]
    return None if place is None or weight is None else made_last(layer.get_weights()[place], weight)


def gammas(layer: KerasLayer) -> Scores | None:
    """Return the scale that a batch normalisation gives each channel, or None of what is none or has none."""
    kind = kind_of(layer)
    if kind is None or not kind.has_batch_statistics or not layer.scale:
        return None
    scales: Scores = np.abs(layer.get_weights()[0].astype(np.float64))
    return scales


def _flat(kernel: Kernel) -> NDArray[np.float64]:
    return kernel.reshape(-1, kernel.shape[-1]).astype(np.float64)
