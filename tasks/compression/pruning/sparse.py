"""Sparse pruning by TFMOT: weights become zero while the model learns; its shape stays.

    model ──► copy ──► wrapped, UpdatePruningStep ──► fit ──► wrappers stripped ──► zeros counted against what was asked

Zeros save download size only: no runtime here computes faster with them. TFMOT's wrappers change the layers of the
model that they are given, so they always get a copy.

Source: Zhu and Gupta 2017, section 3, https://arxiv.org/abs/1710.01878 (the polynomial schedule)
"""

from __future__ import annotations

from typing import Any, Literal

import tensorflow_model_optimization as tfmot

from featherline.tasks.compression.pruning.section import Section
from featherline.tasks.contracts.refusal import Problem, Refused
from featherline.tasks.networks.framework import KerasLayer, KerasModel, keras
from featherline.tasks.networks.graph import functional
from featherline.tasks.networks.zeros import breaks_two_of_four, check_sparse, kernels, prunable_kernel, sparsity

Method = Literal["magnitude", "2:4"]

RAMP = 0.6
"""Part of the fine-tuning in which zeros grow; in the rest the weights that stay converge."""

UPDATES = 50
"""Mask updates during the ramp, at most."""

TOLERANCE = 0.01
"""How far the sparsity of the result may be from what was asked; rounding in small kernels is below this."""


BLOCK_RANKS = (2, 4)
"""Axes of a kernel for which TFMOT knows the pattern 2:4."""


def ramp(steps: int) -> tuple[int, int]:
    """Return the last step and the interval of mask updates for a fine-tuning of `steps` steps.

    The last step is a multiple of the interval, so that the final sparsity is reached exactly there.
    """
    length = max(1, round(RAMP * steps))
    interval = max(1, length // UPDATES)
    return interval * (length // interval), interval


def sparse_while_training(
    model: KerasModel, method: Method, target: float, steps: int, section: Section = "prune"
) -> tuple[KerasModel, list[Any]]:
    """Wrap a copy of `model` so that training it makes it sparse.

    Args:
        model: A functional or Sequential tf_keras model. It stays as it is.
        method: `magnitude`: the smallest weights of each kernel. `2:4`: two of four consecutive input channels.
        target: Fraction of zeros at the end, for `magnitude`.
        steps: Of the whole training, at least 1.
        section: Who refuses.

    Returns:
        The model to train, and the callbacks that its training must have.

    Raises:
        Refused: The model has no kernel that can be pruned, or layers with kernels that cannot, each by name.
    """
    flat = functional(model, section)
    _refuse_layers(flat, method, section)
    if not any(prunable_kernel(layer) is not None for layer in flat.layers):
        problem = Problem(
            f"{section} finds no weights to set to zero in {flat.name}",
            "a Conv2D, SeparableConv2D or Dense layer",
            ", ".join(sorted({type(layer).__name__ for layer in flat.layers})),
            f"set {section}.method to none",
        )
        raise Refused(problem)
    end, interval = ramp(steps)
    schedules = tfmot.sparsity.keras
    if method == "magnitude":
        options = {
            "pruning_schedule": schedules.PolynomialDecay(
                initial_sparsity=0.0, final_sparsity=target, begin_step=0, end_step=end, frequency=interval
            )
        }
    else:
        options = {
            "pruning_schedule": schedules.ConstantSparsity(0.5, begin_step=0, end_step=end, frequency=interval),
            "sparsity_m_by_n": (2, 4),
        }

    def wrapped(layer: KerasLayer) -> KerasLayer:
        return layer if prunable_kernel(layer) is None else schedules.prune_low_magnitude(layer, **options)

    return keras.models.clone_model(flat, clone_function=wrapped), [schedules.UpdatePruningStep()]


def _refuse_layers(model: KerasModel, method: Method, section: Section) -> None:
    check_sparse(
        model,
        f"{section} cannot set weights to zero in the layer",
        f"set {section}.method to none, or replace the layer",
    )
    if method == "magnitude":
        return
    every = ((layer, prunable_kernel(layer)) for layer in model.layers)
    problems = [
        Problem(
            f"{section} cannot set two of four weights to zero in the layer {layer.name}",
            "a kernel of two axes or four: a dense layer, or a convolution over two axes",
            f"a {type(layer).__name__} with a kernel of {tuple(kernel.shape)}",
            f"set {section}.method to magnitude",
        )
        for layer, kernel in every
        if kernel is not None and len(kernel.shape) not in BLOCK_RANKS
    ]
    if problems:
        raise Refused(*problems)


def strip_pruning(trained: KerasModel, method: Method, target: float) -> KerasModel:
    """Take the wrappers off and check that the zeros are there.

    Raises:
        AssertionError: The sparsity is not what was asked: the schedule did not run to its end.
    """
    model = functional(tfmot.sparsity.keras.strip_pruning(trained))
    if method == "magnitude":
        zeros = sparsity(model)
        if abs(zeros - target) > TOLERANCE:
            raise AssertionError(f"magnitude pruning gave {zeros:.4f} zeros, {target:.4f} were asked")
        return model
    broken = {name: breaks_two_of_four(kernel) for name, kernel in kernels(model).items()}
    if any(broken.values()):
        raise AssertionError(f"blocks of four input channels with fewer than two zeros: {broken}")
    return model
