"""Activation functions of Keras 3 that Keras 2 does not have, or has another of by the same name."""

from __future__ import annotations

from typing import Any

from featherline.tasks.networks.framework import Tensor, keras, tf


@keras.saving.register_keras_serializable("featherline")
def hard_sigmoid_keras3(x: Tensor) -> Tensor:
    """Return relu6(x + 3) / 6. That of Keras 2 is clip(0.2 x + 0.5, 0, 1)."""
    return tf.nn.relu6(x + 3.0) * (1.0 / 6.0)


@keras.saving.register_keras_serializable("featherline")
def hard_silu_keras3(x: Tensor) -> Tensor:
    """Return x relu6(x + 3) / 6, which Keras 3 calls hard_silu and hard_swish, as MobileNetV3 has it."""
    return x * hard_sigmoid_keras3(x)


RENAMED = {"hard_sigmoid": "hard_sigmoid_keras3", "hard_silu": "hard_silu_keras3", "hard_swish": "hard_silu_keras3"}
"""The name in a file of Keras 3, and the function here."""

OF_KERAS_3 = {
    function.__name__: {
        "class_name": "function",
        "config": function.__name__,
        "module": __name__,
        "registered_name": f"featherline>{function.__name__}",
    }
    for function in (hard_sigmoid_keras3, hard_silu_keras3)
}
"""What Keras finds each of them by."""


def with_functions(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a harmless configuration in which the functions of this module are named so that Keras finds them."""
    if isinstance(value, dict):
        return {
            key: OF_KERAS_3[item]
            if key.rpartition("_")[2] == "activation" and isinstance(item, str) and item in OF_KERAS_3
            else with_functions(item)
            for key, item in value.items()
        }
    return [with_functions(item) for item in value] if isinstance(value, list) else value
