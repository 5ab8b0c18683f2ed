"""Frozen layers: their weights and the statistics of their batch normalisation stay as they are, bit by bit.

A batch normalisation that is frozen works as it does after training, by its stored statistics (Keras' own rule).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from featherline.tasks.networks.framework import KerasModel


@contextmanager
def frozen(model: KerasModel, names: Sequence[str]) -> Iterator[None]:
    """Let these layers of a flat model learn nothing within the block; after it all of them learn again."""
    layers = [model.get_layer(name) for name in names]
    for layer in layers:
        layer.trainable = False
    try:
        yield
    finally:
        for layer in layers:
            layer.trainable = True
