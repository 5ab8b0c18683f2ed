"""Weight clustering by TFMOT: every kernel keeps few distinct values, which compress well.

    model ──► copy ──► kernels wrapped (k-means++ centroids) ──► fit ──► wrappers stripped ──► distinct values counted

Only the kernels are wrapped. TFMOT's wrapper calls the layer inside it without `training`, so that a wrapped batch
normalisation would never learn and a wrapped dropout never drop (TFMOT 0.8.1). The import path is the experimental one:
the public API does not export the sparsity-preserving version.

Source: Han et al. 2016, section 3, https://arxiv.org/abs/1510.00149
"""

from __future__ import annotations

import numpy as np
import tensorflow_model_optimization as tfmot
from tensorflow_model_optimization.python.core.clustering.keras.experimental import cluster

from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.networks.framework import KerasLayer, KerasModel, keras
from featherline.tasks.networks.graph import functional
from featherline.tasks.networks.zeros import check_sparse, kernels, prunable_kernel

LEAST_SPARSE = 3
"""Clusters that a sparse kernel needs: zero is one of them, and TFMOT wants two more."""


def clustered_while_training(model: KerasModel, clusters: int, *, keep_zeros: bool) -> KerasModel:
    """Wrap a copy of `model` so that training it moves the values of clusters instead of single weights.

    Args:
        model: A functional or Sequential tf_keras model. It stays as it is.
        clusters: Distinct values of a kernel, at most. A kernel with fewer weights is left alone.
        keep_zeros: Whether zeros stay where they are; they count as one of the values.

    Raises:
        Refused: Too few clusters for a sparse model, or layers with kernels that are not shared, each by name.
    """
    if keep_zeros and clusters < LEAST_SPARSE:
        raise refuse(
            f"quantize cannot share {clusters} values among the weights of a sparse model",
            expected=f"quantize.clusters of at least {LEAST_SPARSE}: zero is one of the values",
            got=str(clusters),
            fix=f"set quantize.clusters to {LEAST_SPARSE} or more, or prune.method to none",
        )

    def wrapped(layer: KerasLayer) -> KerasLayer:
        kernel = prunable_kernel(layer)
        if kernel is None or np.unique(kernel.numpy()).size <= clusters:
            return layer
        return cluster.cluster_weights(
            layer,
            number_of_clusters=clusters,
            cluster_centroids_init=tfmot.clustering.keras.CentroidInitialization.KMEANS_PLUS_PLUS,
            preserve_sparsity=keep_zeros,
        )

    flat = functional(model, "quantize")
    check_sparse(
        flat, "quantize cannot share values in the layer", "set quantize.clusters to null, or replace the layer"
    )
    return keras.models.clone_model(flat, clone_function=wrapped)


def strip_clustering(trained: KerasModel, clusters: int) -> KerasModel:
    """Take the wrappers off and check that the clusters are there.

    Raises:
        AssertionError: A kernel has more distinct values than asked.
    """
    model = functional(tfmot.clustering.keras.strip_clustering(trained), "quantize")
    check_clusters(model, clusters)
    return model


def check_clusters(model: KerasModel, clusters: int) -> None:
    """Raise an AssertionError where a kernel has more than `clusters` distinct values."""
    distinct = {name: int(np.unique(kernel).size) for name, kernel in kernels(model).items()}
    too_many = {name: count for name, count in distinct.items() if count > clusters}
    if too_many:
        raise AssertionError(f"kernels with more than {clusters} distinct values: {too_many}")
