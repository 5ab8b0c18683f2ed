"""Quantization-aware training by TFMOT: the model is trained as it will be rounded to int8.

    model ──► copy ──► annotated ──► scheme ──► fit ──► wrappers stripped ──► a model that the converter makes all int8

What the model keeps decides the scheme: zeros need the prune-preserving one, clusters the cluster-preserving one.
Without them QAT would fill zeros and scatter clusters. With clusters, weight decay must be 0: it pulls on the weights
that TFMOT sets from the values of the clusters, after it has set them.
"""

from __future__ import annotations

import tensorflow_model_optimization as tfmot
from tensorflow_model_optimization.python.core.quantization.keras.collab_opts.cluster_preserve.cluster_utils import (
    strip_clustering_cqat,
)

from featherline.tasks.compression.quantization.in_training.activations import with_inner_activations
from featherline.tasks.compression.quantization.in_training.cluster_preserving import ClusterPreservingScheme
from featherline.tasks.compression.quantization.in_training.coverage import check_coverage
from featherline.tasks.networks.framework import KerasModel
from featherline.tasks.networks.graph import functional


def quantized_while_training(model: KerasModel, *, keep_zeros: bool, keep_clusters: bool) -> KerasModel:
    """Return a copy of `model` that rounds as its int8 file will.

    Args:
        model: A functional or Sequential tf_keras model. It stays as it is.
        keep_zeros: Whether zeros stay zero.
        keep_clusters: Whether the distinct values of each kernel stay as few as they are.

    Raises:
        Refused: Layers that cannot be trained so.
    """
    flat = functional(model, "quantize")
    check_coverage(flat)
    annotated = tfmot.quantization.keras.quantize_annotate_model(with_inner_activations(flat))
    quantization = tfmot.quantization.keras
    if keep_clusters:
        scheme = ClusterPreservingScheme(preserve_sparsity=keep_zeros)
    elif keep_zeros:
        scheme = tfmot.experimental.combine.Default8BitPrunePreserveQuantizeScheme()
    else:
        scheme = quantization.default_8bit.Default8BitQuantizeScheme()
    return quantization.quantize_apply(annotated, scheme)


def strip_qat(trained: KerasModel, *, keep_clusters: bool) -> KerasModel:
    """Drop what training alone needed. The ranges stay: the converter reads them."""
    return strip_clustering_cqat(trained) if keep_clusters else trained
