"""The rows of layers with weights."""

from __future__ import annotations

from featherline.tasks.networks.framework import KerasLayer, keras
from featherline.tasks.networks.layer_kinds import counts
from featherline.tasks.networks.layer_kinds.counts import Call, Kernel
from featherline.tasks.networks.layer_kinds.kind import AS_IT_IS, Flow, Kind, Qat, Weight

L = keras.layers

BIAS = Weight("bias", makes=-1)
KERNEL = Weight("kernel", reads=-2, makes=-1, is_kernel=True)
SPREAD = Weight("kernel", reads=-1, makes=-2, is_kernel=True)
DEPTHWISE = Weight("depthwise_kernel", reads=-2, is_kernel=True)
"""Some channels made of each channel read: those made lie along the last two axes."""

POINTWISE = Weight("pointwise_kernel", reads=-2, makes=-1, is_kernel=True)


def _one_axis(layer: KerasLayer) -> tuple[str, str] | None:
    axis = layer.axis if isinstance(layer.axis, int) else layer.axis[0]
    if axis in (-1, len(layer.output_shape) - 1):
        return None
    return f"a {type(layer).__name__} over axis {axis}", "use axis=-1"


def _within(layer: KerasLayer) -> tuple[KerasLayer, ...]:
    """Return the layers inside a wrapper of Keras."""
    both = getattr(layer, "forward_layer", None)
    return (layer.layer,) if both is None else (both, layer.backward_layer)


def _wrapped_kernels(layer: KerasLayer) -> tuple[Kernel, ...]:
    from featherline.tasks.networks.layer_kinds.table import kernels_of  # noqa: PLC0415 - the table holds this row

    return tuple(kernel for inner in _within(layer) for kernel in kernels_of(inner))


def _in_both_directions(call: Call) -> int:
    from featherline.tasks.networks.layer_kinds.table import products_of  # noqa: PLC0415 - the table holds this row

    return sum(products_of(Call(inner, call.read, call.made)) for inner in _within(call.layer))


def _at_each_step(call: Call) -> int:
    from featherline.tasks.networks.layer_kinds.table import products_of  # noqa: PLC0415 - the table holds this row

    return call.read[0] * products_of(Call(call.layer.layer, call.read[1:], call.made[1:]))


CONVOLUTIONS = (
    Kind(
        L.Conv2D,
        Flow.MAKES,
        (KERNEL, BIAS),
        maker="kernel",
        width="filters",
        kernels=counts.convolution,
        sparse="kernel",
        int4="channel",
        qat=Qat.COVERED,
        takes_normalisation=True,
        takes_relu=True,
    ),
    Kind(
        L.Conv1D,
        Flow.MAKES,
        (KERNEL, BIAS),
        maker="kernel",
        width="filters",
        kernels=counts.convolution,
        sparse="kernel",
    ),
    Kind(L.Conv3D, Flow.MAKES, (KERNEL, BIAS), maker="kernel", width="filters", kernels=counts.convolution),
    *(
        Kind(
            layer,
            Flow.MAKES,
            (SPREAD, BIAS),
            maker="kernel",
            width="filters",
            kernels=counts.convolution,
            places=counts.places_read,
            qat=qat,
        )
        for layer, qat in (
            (L.Conv1DTranspose, Qat.REFUSED),
            (L.Conv2DTranspose, Qat.COVERED),
            (L.Conv3DTranspose, Qat.REFUSED),
        )
    ),
    Kind(
        L.DepthwiseConv2D,
        Flow.MULTIPLIES,
        (DEPTHWISE, BIAS),
        maker="depthwise_kernel",
        kernels=counts.depthwise,
        sparse=AS_IT_IS,
        int4=AS_IT_IS,
        qat=Qat.COVERED,
        takes_normalisation=True,
        takes_relu=True,
    ),
    Kind(
        L.DepthwiseConv1D,
        Flow.MULTIPLIES,
        (DEPTHWISE, BIAS),
        maker="depthwise_kernel",
        kernels=counts.depthwise,
        sparse=AS_IT_IS,
        int4=AS_IT_IS,
    ),
    Kind(
        L.SeparableConv2D,
        Flow.MAKES,
        (DEPTHWISE, POINTWISE, BIAS),
        maker="pointwise_kernel",
        width="filters",
        kernels=counts.separable,
        sparse="pointwise_kernel",
        int4=AS_IT_IS,
        qat=Qat.SPLIT,
    ),
    Kind(
        L.SeparableConv1D,
        Flow.MAKES,
        (DEPTHWISE, POINTWISE, BIAS),
        maker="pointwise_kernel",
        width="filters",
        kernels=counts.separable,
        sparse="pointwise_kernel",
    ),
)

PRODUCTS = (
    Kind(
        L.Dense,
        Flow.MAKES,
        (KERNEL, BIAS),
        maker="kernel",
        width="units",
        kernels=counts.dense,
        sparse="kernel",
        int4="tensor",
        qat=Qat.COVERED,
        takes_relu=True,
    ),
    Kind(L.EinsumDense, Flow.HIDES, kernels=counts.whole_kernel, products=counts.products_of_einsum),
    Kind(
        L.Embedding,
        Flow.MAKES,
        (Weight("embeddings", makes=-1),),
        maker="embeddings",
        width="output_dim",
        kernels=counts.embedding,
        places=counts.nowhere,
        rows="input_dim",
    ),
    Kind(L.LSTM, Flow.HIDES, kernels=counts.recurrent, places=counts.places_read),
    *(
        Kind(layer, Flow.HIDES, kernels=counts.recurrent, places=counts.places_read, int8="never")
        for layer in (L.GRU, L.SimpleRNN)
    ),
    Kind(L.Bidirectional, Flow.HIDES, kernels=_wrapped_kernels, products=_in_both_directions),
    Kind(L.TimeDistributed, Flow.HIDES, kernels=_wrapped_kernels, products=_at_each_step),
    Kind(L.MultiHeadAttention, Flow.HIDES, kernels=counts.attention_heads, products=counts.products_of_heads),
    Kind(L.Attention, Flow.HIDES, products=counts.products_of_attention),
    Kind(L.AdditiveAttention, Flow.HIDES, products=counts.products_of_attention),
)
"""Weights that are not named lie along no channels that could be followed. A recurrent layer that is a loop in the
file, as all but an LSTM are, takes the converter down where it calibrates int8 (TensorFlow 2.21)."""

SCALES = tuple(Weight(name, reads=-1) for name in ("gamma", "beta", "moving_mean", "moving_variance"))

NORMALISATIONS = (
    Kind(
        L.BatchNormalization,
        Flow.PASSES,
        SCALES,
        hindrance=_one_axis,
        folds=True,
        qat=Qat.FOLDED,
        has_batch_statistics=True,
    ),
    Kind(L.LayerNormalization, Flow.COUPLES, SCALES[:2]),
    Kind(L.GroupNormalization, Flow.COUPLES, SCALES[:2]),
    Kind(L.Normalization, Flow.HIDES),
    Kind(L.PReLU, Flow.PASSES, (Weight("alpha", reads=-1),)),
)
"""An inference folds them away, or spends next to nothing on them."""

WEIGHTED = (*CONVOLUTIONS, *PRODUCTS, *NORMALISATIONS)
