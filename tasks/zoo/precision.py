"""Networks in float32: what the later steps, the converter and the file count on, whatever a network was trained in."""

from __future__ import annotations

from typing import Any

from tasks.framework import keras

FLOAT32 = "float32"


def in_float32(model: Any) -> Any:  # noqa: ANN401 - tf_keras has no types
    """Return a model whose layers all compute in float32: itself, or a copy of one with mixed precision.

    Args:
        model: A built functional or Sequential model. It stays as it is; its weights are float32 in either case.
    """
    if all(layer.compute_dtype == FLOAT32 for layer in model._flatten_layers(include_self=False)):  # noqa: SLF001
        return model
    copy = keras.models.clone_model(model, clone_function=_plain)
    copy.set_weights(model.get_weights())
    print(f"{model.name}: layers of mixed precision are built anew in float32")
    return copy


def _plain(layer: Any) -> Any:  # noqa: ANN401
    if isinstance(layer, keras.Model):
        return keras.models.clone_model(layer, clone_function=_plain)
    return type(layer).from_config(_without_policies(layer.get_config()))


def _without_policies(config: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a layer's configuration with float32 as the policy of the layer and of those that it wraps."""
    if isinstance(config, dict):
        return {name: FLOAT32 if name == "dtype" else _without_policies(value) for name, value in config.items()}
    if isinstance(config, list):
        return [_without_policies(value) for value in config]
    return config
