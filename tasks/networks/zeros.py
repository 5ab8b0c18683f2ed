"""Zeros among the weights: counted, checked against a pattern, and kept while a sparse model learns on.

The table of layer kinds says which weight of a layer may hold zeros: kernels of convolutions and dense layers, and the
pointwise ones of separable convolutions. Biases, normalisation and depthwise kernels stay dense, as in TFMOT.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.refusal import Problem, Refused
from featherline.tasks.networks.framework import KerasLayer, KerasModel, Tensor, keras
from featherline.tasks.networks.layer_kinds.table import KINDS, has_unknown_weights, kind_of, name_of

BLOCK = 4
"""Consecutive input channels that share two zeros in the pattern 2:4."""


def prunable_kernel(layer: KerasLayer) -> Tensor | None:
    """Return the kernel variable of a layer that may hold zeros, or None. Wrappers of TFMOT are looked through.

    Inside such a wrapper the attribute `kernel` may be a tensor of a graph; the variable is found by its name.
    """
    kind = kind_of(getattr(layer, "layer", layer))
    if kind is None or not kind.sparse:
        return None
    return next(weight for weight in layer.weights if name_of(weight) == kind.sparse)


def check_sparse(model: KerasModel, cannot: str, fix: str) -> None:
    """Refuse a flat model that has kernels which may hold neither zeros nor shared values, unless that is the custom.

    Args:
        model: A flat functional model.
        cannot: What cannot be done, before the name of the layer.
        fix: What to do about it.

    Raises:
        Refused: Each such layer, by name.
    """
    kinds = ((layer, kind_of(layer)) for layer in model.layers)
    left = [
        layer
        for layer, kind in kinds
        if (kind is None and has_unknown_weights(layer))
        or (kind is not None and kind.sparse is None and kind.kernels(layer))
    ]
    if left:
        able = ", ".join(kind.layer.__name__ for kind in KINDS.values() if kind.sparse is not None)
        raise Refused(*(Problem(f"{cannot} {layer.name}", able, f"a {type(layer).__name__}", fix) for layer in left))


def kernels(model: KerasModel) -> dict[str, NDArray[np.float32]]:
    """Return the kernels that may hold zeros by layer name, as arrays, those of nested models included."""
    found: dict[str, NDArray[np.float32]] = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            found.update({f"{layer.name}/{name}": kernel for name, kernel in kernels(layer).items()})
            continue
        kernel = prunable_kernel(layer)
        if kernel is not None:
            found[layer.name] = np.asarray(kernel)
    return found


def sparsity(model: KerasModel) -> float:
    """Return the fraction of zeros among the kernels that may hold them, 0 where there are none."""
    every = kernels(model).values()
    total = sum(kernel.size for kernel in every)
    return sum(int((kernel == 0).sum()) for kernel in every) / total if total else 0.0


def breaks_two_of_four(kernel: NDArray[np.float32]) -> int:
    """Count the blocks of four consecutive input channels with fewer than two zeros.

    Args:
        kernel: (…, in, out). Channels that are left over at the end of `in` may be dense up to two of them.
    """
    inputs = kernel.shape[-2]
    padded = np.zeros((*kernel.shape[:-2], -(-inputs // BLOCK) * BLOCK, kernel.shape[-1]), np.bool_)
    padded[..., :inputs, :] = kernel != 0
    blocks = padded.reshape(*kernel.shape[:-2], -1, BLOCK, kernel.shape[-1])
    return int((blocks.sum(axis=-2) > BLOCK // 2).sum())


@dataclass(frozen=True)
class ZeroMask:
    """Which weights of a layer were zero when the mask was taken."""

    kernel: Tensor
    keep: NDArray[np.float32]


class KeepZeros(keras.callbacks.Callback):
    """Sets the weights that were zero back to zero after every step. What an optimizer adds to them is dropped."""

    def __init__(self, model: KerasModel) -> None:
        """Remember the zeros of `model`."""
        super().__init__()
        found = [prunable_kernel(layer) for layer in model.layers]
        self.masks = [
            ZeroMask(kernel, (kernel.numpy() != 0).astype(np.float32)) for kernel in found if kernel is not None
        ]

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ANN401, ARG002 - Keras calls it so
        """Apply the masks."""
        for mask in self.masks:
            mask.kernel.assign(mask.kernel * mask.keep)

    def check(self) -> None:
        """Raise an AssertionError where a weight that was zero is not zero any more."""
        lost = sum(int((mask.kernel.numpy()[mask.keep == 0] != 0).sum()) for mask in self.masks)
        if lost:
            raise AssertionError(f"{lost} weights that had been pruned are not zero any more")


def check_zeros(before: Any, after: Any) -> None:  # noqa: ANN401
    """Compare the zeros of a model with those of what was made of it, kernel by kernel in the order of the layers.

    Raises:
        AssertionError: A weight that was zero is not zero any more.
    """
    pairs = zip(kernels(before).values(), kernels(after).values(), strict=True)
    lost = sum(int((new[old == 0] != 0).sum()) for old, new in pairs)
    if lost:
        raise AssertionError(f"{lost} weights that had been pruned are not zero any more")
