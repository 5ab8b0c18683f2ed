"""Which layers are meant: by a word, by how many, or by their names.

A layer counts where it has weights, batch normalisation too: a convolution and the normalisation behind it are two.
Their order is that of `model.summary()`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase

from featherline.tasks.contracts.refusal import Problem, Refused, refuse
from featherline.tasks.networks.framework import KerasLayer, KerasModel
from featherline.tasks.networks.transfer.cut import close_matches, features_of


def frozen_of(model: KerasModel, name: str, asked: str | int | Sequence[str], head: Collection[str]) -> list[str]:
    """Return the names of the layers with weights that are frozen, in their order.

    Args:
        model: A flat functional model.
        name: Of the file, for messages.
        asked: `backbone`, how many from the input on, or names and patterns.
        head: The layers of a new head, which are never frozen; empty where the file has its own.

    Raises:
        Refused: A name or pattern fits no layer, there are not so many, no backbone can be told from a head, or nothing
            is left that learns.
    """
    layers = [layer for layer in with_weights(model) if layer.name not in head]
    if isinstance(asked, str):
        names = _backbone(model, name) if not head else {layer.name for layer in layers}
        chosen = [layer.name for layer in layers if layer.name in names]
    elif isinstance(asked, int):
        chosen = _first(layers, name, asked)
    else:
        chosen = named([layer.name for layer in layers], name, asked, "train.frozen")
    left = {layer.name for layer in with_weights(model) if layer.trainable_weights} - set(chosen)
    if not left:
        raise refuse(
            f"{name} has nothing left to learn",
            expected="train.frozen of fewer layers than have weights, or a new head (model.head: new)",
            got=f"all {len(chosen)} layers with weights frozen",
            fix="set model.head: new, or freeze fewer layers",
        )
    return chosen


def with_weights(model: KerasModel) -> list[KerasLayer]:
    """Return the layers of a flat model that have weights."""
    return [layer for layer in model.layers if layer.weights]


def named(names: Sequence[str], file: str, asked: Sequence[str], key: str) -> list[str]:
    """Return the names that fit any of some patterns, in their order.

    Raises:
        Refused: A pattern fits none, each of them.
    """
    lost = [pattern for pattern in asked if not any(fnmatchcase(name, pattern) for name in names)]
    if lost:
        raise Refused(
            *(
                Problem(
                    f"{file} has no layer {pattern}",
                    f"names or patterns of its layers with weights ({key})",
                    pattern,
                    close_matches(pattern, names),
                )
                for pattern in lost
            )
        )
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in asked)]


def _first(layers: Sequence[KerasLayer], name: str, count: int) -> list[str]:
    if count > len(layers):
        raise refuse(
            f"{name} has fewer layers than are to be frozen",
            expected=f"train.frozen of at most {len(layers)}, its layers with weights",
            got=f"{count}",
            fix="set train.frozen: backbone for all of them, or a smaller number",
        )
    return [layer.name for layer in layers[:count]]


def _backbone(model: KerasModel, name: str) -> set[str]:
    """Return the layers in front of a file's own head."""
    features, _ = features_of(model, name)
    return {layer.name for layer in type(model)(model.inputs, features).layers}
