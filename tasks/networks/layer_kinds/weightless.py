"""The rows of layers without weights."""

from __future__ import annotations

import numpy as np

from featherline.tasks.networks.framework import KerasLayer, keras
from featherline.tasks.networks.layer_kinds.counts import products_of_dot
from featherline.tasks.networks.layer_kinds.kind import Flow, Kind, Qat

L = keras.layers


def _last_axis_stays(layer: KerasLayer) -> tuple[str, str] | None:
    if layer.dims[-1] == len(layer.output_shape) - 1:
        return None
    return f"a Permute to {layer.dims}", "leave the last axis in its place"


def _one_number(layer: KerasLayer) -> tuple[str, str] | None:
    if np.ndim(layer.scale) or np.ndim(layer.offset):
        return "a Rescaling with a number for each channel", "use one number for all channels"
    return None


def _fixed_size(layer: KerasLayer) -> tuple[str, str] | None:
    if None in layer.input_shape[1:]:
        return f"a Flatten of {layer.input_shape[1:]}", "give the model's Input a fixed size"
    return None


ACTIVATIONS = (
    Kind(L.ReLU, Flow.PASSES, folds=True, qat=Qat.COVERED, rectifies=True),
    Kind(L.Activation, Flow.PASSES, folds=True, qat=Qat.COVERED, is_activation=True),
    Kind(L.LeakyReLU, Flow.PASSES, qat=Qat.COVERED),
    Kind(L.ELU, Flow.PASSES, int8="float"),
    Kind(L.ThresholdedReLU, Flow.PASSES, int8="float"),
    Kind(L.Softmax, Flow.COUPLES, qat=Qat.COVERED),
)

NOISES = (
    *(
        Kind(layer, Flow.PASSES, folds=True, qat=Qat.COVERED, noise="rate")
        for layer in (L.Dropout, L.SpatialDropout1D, L.SpatialDropout2D, L.SpatialDropout3D)
    ),
    Kind(L.AlphaDropout, Flow.PASSES, noise="rate"),
    Kind(L.GaussianDropout, Flow.PASSES, noise="rate"),
    Kind(L.GaussianNoise, Flow.PASSES, noise="stddev"),
)

POOLS = (
    *(
        Kind(layer, Flow.PASSES, qat=Qat.COVERED)
        for layer in (
            *(L.MaxPooling2D, L.AveragePooling1D, L.AveragePooling2D),
            *(L.GlobalAveragePooling1D, L.GlobalAveragePooling2D, L.GlobalAveragePooling3D),
            *(L.GlobalMaxPooling1D, L.GlobalMaxPooling2D, L.GlobalMaxPooling3D),
        )
    ),
    *(Kind(layer, Flow.PASSES) for layer in (L.MaxPooling1D, L.MaxPooling3D, L.AveragePooling3D)),
)

SIZES = (
    *(
        Kind(layer, Flow.PASSES, qat=Qat.COVERED)
        for layer in (
            *(L.ZeroPadding1D, L.ZeroPadding2D, L.Cropping1D, L.Cropping2D, L.Cropping3D),
            *(L.UpSampling2D, L.ActivityRegularization),
        )
    ),
    *(
        Kind(layer, Flow.PASSES)
        for layer in (L.ZeroPadding3D, L.UpSampling1D, L.UpSampling3D, L.Identity, L.RepeatVector, L.Masking)
    ),
    Kind(L.Rescaling, Flow.PASSES, hindrance=_one_number),
    Kind(L.Permute, Flow.PASSES, hindrance=_last_axis_stays, qat=Qat.COVERED),
    Kind(L.Flatten, Flow.RESHAPES, hindrance=_fixed_size, folds=True, qat=Qat.COVERED),
    Kind(L.Reshape, Flow.RESHAPES, width="target_shape", folds=True, qat=Qat.COVERED),
    Kind(L.UnitNormalization, Flow.COUPLES),
)

MERGES = (
    Kind(L.Add, Flow.JOINS, qat=Qat.COVERED),
    *(Kind(layer, Flow.JOINS) for layer in (L.Subtract, L.Multiply, L.Average, L.Maximum, L.Minimum)),
    Kind(L.Concatenate, Flow.LINES_UP, qat=Qat.COVERED),
    Kind(L.Dot, Flow.HIDES, products=products_of_dot),
)

WEIGHTLESS = (*ACTIVATIONS, *NOISES, *POOLS, *SIZES, *MERGES)
