"""What a training makes small beside the problem's own loss: the size of the weights."""

from __future__ import annotations

from collections.abc import Sequence

from featherline.tasks.networks.framework import Tensor, tf

KERNELS = {"kernel", "depthwise_kernel", "pointwise_kernel"}
"""Names of the variables that weight decay pulls to zero: no biases, no batch normalisation."""


def kernels(variables: Sequence[Tensor]) -> list[Tensor]:
    """Return the variables that weight decay applies to, also inside the wrappers of TFMOT."""
    return [variable for variable in variables if variable.name.split("/")[-1].split(":")[0] in KERNELS]


def decay(variables: Sequence[Tensor], factor: float) -> Tensor:
    """Return `factor` times the sum of all squared kernel weights, as Keras' own L2 regulariser has it.

    Of variables without kernels, as where all that has some is frozen, it is 0.
    """
    squares = [tf.nn.l2_loss(kernel) for kernel in kernels(variables)]
    return 2 * factor * tf.add_n(squares) if squares else tf.constant(0.0)
