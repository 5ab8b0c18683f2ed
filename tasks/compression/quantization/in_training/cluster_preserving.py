"""TFMOT's cluster-preserving int8 scheme, made to keep one set of clusters a layer.

TFMOT 0.8.1 guesses that a convolution was clustered channel by channel wherever all its channels have equally many
distinct values, as large kernels do. It then lets the channels drift apart, 64 channels become up to 64 x k values, and
traces a loop over channels for a minute. It also shares one quantizer among all layers, which forgets to keep zeros for
good at the first layer that has none. Here the guess is always no, and each layer has a quantizer of its own.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import tensorflow_model_optimization as tfmot
from tensorflow_model_optimization.python.core.quantization.keras.collab_opts.cluster_preserve import (
    cluster_preserve_quantize_registry as tfmot_registry,
)
from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
    default_8bit_quantizers as tfmot_quantizers,
)

from featherline.tasks.networks.framework import KerasLayer


class ClusterPreservingScheme(tfmot.experimental.combine.Default8BitClusterPreserveQuantizeScheme):
    """Keeps the clusters of each layer, and its zeros where asked."""

    def get_quantize_registry(self) -> Any:  # noqa: ANN401
        """Return what gives each layer its quantizers."""
        return _Registry(self.preserve_sparsity)


class _Registry(tfmot_registry.Default8bitClusterPreserveQuantizeRegistry):
    def __init__(self, preserve_sparsity: bool) -> None:
        super().__init__(preserve_sparsity)
        self.preserve_sparsity = preserve_sparsity

    def get_quantize_config(self, layer: KerasLayer) -> Any:  # noqa: ANN401
        self._config_quantizer_map = {
            "Default8BitQuantizeConfig": tfmot_registry.ClusterPreserveDefault8BitWeightsQuantizer(
                self.preserve_sparsity
            ),
            "Default8BitConvQuantizeConfig": _ConvQuantizer(self.preserve_sparsity),
        }
        return super().get_quantize_config(layer)


class _ConvQuantizer(tfmot_registry.ClusterPreserveDefault8BitConvWeightsQuantizer):
    def build(self, tensor_shape: Any, name: str, layer: KerasLayer) -> dict[str, Any]:  # noqa: ANN401
        """Find the clusters as of a layer that is no convolution, and the int8 range channel by channel."""
        disguised = SimpleNamespace(
            layer=SimpleNamespace(**{name: getattr(layer.layer, name)}), name=layer.name, add_weight=layer.add_weight
        )
        clusters: dict[str, Any] = self._build_clusters(name, disguised)
        ranges: dict[str, Any] = tfmot_quantizers.Default8BitConvWeightsQuantizer.build(self, tensor_shape, name, layer)
        return clusters | ranges
