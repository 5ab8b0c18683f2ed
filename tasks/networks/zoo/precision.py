"""Networks in one precision, Keras' own (float32): what the later steps, the converter and the file count on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from featherline.tasks.networks.framework import KerasLayer, KerasModel, keras


@contextmanager
def usual_policy() -> Iterator[None]:
    """Let layers be made by Keras' own number type, and forget what the block sets as the policy of all others."""
    policy = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(None)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(None if policy.name == keras.backend.floatx() else policy)


def in_one_precision(model: KerasModel) -> KerasModel:
    """Return a model whose layers all compute in `keras.backend.floatx()`: itself, or a copy of one that mixes.

    Args:
        model: A built functional or Sequential model. It stays as it is; its weights are float32 in either case.
    """
    if all(layer.compute_dtype == keras.backend.floatx() for layer in model._flatten_layers(include_self=False)):  # noqa: SLF001
        return model
    copy = keras.models.clone_model(model, clone_function=_plain)
    copy.set_weights(model.get_weights())
    print(f"{model.name}: layers of mixed precision are built anew in {keras.backend.floatx()}")
    return copy


def _plain(layer: KerasLayer) -> KerasLayer:
    if isinstance(layer, keras.Model):
        return keras.models.clone_model(layer, clone_function=_plain)
    return type(layer).from_config(_without_policies(layer.get_config()))


def _without_policies(config: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a layer's configuration with one policy for the layer and those that it wraps."""
    if isinstance(config, dict):
        return {
            name: keras.backend.floatx() if name == "dtype" else _without_policies(value)
            for name, value in config.items()
        }
    if isinstance(config, list):
        return [_without_policies(value) for value in config]
    return config
