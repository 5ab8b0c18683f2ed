"""The statistics of batch normalisation, estimated anew after channels left: cheap, and most of what a cut breaks.

    train examples ──► network in training mode, weights frozen ──► mean of the batches' means and variances

Source: Yu and Huang 2019, section 3.1, https://arxiv.org/abs/1903.05134 (statistics after training);
Li et al. 2020, EagleEye, section 3.3, https://arxiv.org/abs/2007.02491 (after pruning)
"""

from __future__ import annotations

from collections.abc import Iterable

from featherline.tasks.networks.framework import KerasModel
from featherline.tasks.networks.inputs import Fed, as_tensors
from featherline.tasks.networks.layer_kinds.table import kind_behind

BATCH = 128
"""Examples of a small input, fewer of large ones, whose mean and variance are taken together."""


def reestimate_statistics(model: KerasModel, batches: Iterable[Fed]) -> int:
    """Set the means and variances of every batch normalisation in place, to the averages over batches of examples.

    Args:
        model: A flat functional model.
        batches: Of about equally many examples, as the model takes them; none leave the model as it is.

    Returns:
        How many batch normalisations there are.
    """
    kinds = [(layer, kind_behind(layer)) for layer in model.layers]
    layers = [layer for layer, kind in kinds if kind is not None and kind.has_batch_statistics]
    if not layers:
        return len(layers)
    momenta = [layer.momentum for layer in layers]
    # What adds noise is quiet meanwhile: an inference, whose statistics these are, has none either.
    noisy = [(layer, kind.noise) for layer, kind in kinds if kind is not None and kind.noise is not None]
    amounts = [getattr(layer, name) for layer, name in noisy]
    for layer, name in noisy:
        setattr(layer, name, 0.0)
    for number, batch in enumerate(batches, 1):
        for layer in layers:
            layer.momentum = 1 - 1 / number  # the moving average of the first n batches is then their mean
        model(as_tensors(batch), training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    for (layer, name), amount in zip(noisy, amounts, strict=True):
        setattr(layer, name, amount)
    return len(layers)
