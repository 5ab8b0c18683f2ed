"""What must be true of a network before its first epoch: it can be stored, read back, counted and trained.

model ──► multiply-accumulates ──► file ──► read as every step reads it ──► the same logits

A network that fails here would fail after its whole training, when it is stored.
"""

from __future__ import annotations

import tempfile

import numpy as np

from featherline.tasks.contracts.refusal import OutOfReach, Refused, refuse
from featherline.tasks.networks.framework import KerasModel
from featherline.tasks.networks.inputs import filled
from featherline.tasks.networks.layer_kinds.table import holds_code
from featherline.tasks.networks.macs import count_macs
from featherline.tasks.networks.model_files import load_file, put_model
from featherline.tasks.store.artifacts import open_store

SAMPLES = 2
TOLERANCE = 1e-4
"""Of the largest logit: what reading a model back may change by another order of sums."""


def check_network(model: KerasModel, name: str) -> None:
    """Refuse a network that the steps after training could not work with.

    Args:
        model: Takes (n, height, width, channels) float32, gives logits.
        name: What it is called, for the message: the builder, or the file.

    Raises:
        Refused: It has nothing to train, its multiply-accumulates cannot be counted, or it cannot be stored and read
            back as the same function.
    """
    if not model.trainable_weights:
        raise refuse(
            f"{name} gives a network without weights to train",
            expected="at least one layer with trainable weights",
            got=f"{len(model.layers)} layers and none",
            fix="set trainable to true for the layers that are to learn",
        )
    count_macs(model)
    generator = np.random.default_rng(0)
    inputs = filled(model, SAMPLES, lambda shape: generator.uniform(-1, 1, shape))
    again = _stored_and_read(model, name)
    before, after = (each(inputs, training=False).numpy() for each in (model, again))
    if not np.isfinite(before).all():
        raise refuse(
            f"{name} gives logits that are no numbers",
            expected="finite logits from fresh weights",
            got=f"{int((~np.isfinite(before)).sum())} of {before.size} are NaN or infinite",
            fix="look for a division by zero, a logarithm or a root in the network",
        )
    difference = float(np.abs(before - after).max())
    if difference > TOLERANCE * max(1.0, float(np.abs(before).max())):
        raise refuse(
            f"{name} gives a network that is another one when it is read back",
            expected="the same logits before and after it is stored",
            got=f"logits that differ by {difference:.3g}",
            fix="build it of Keras' own layers, and keep no state outside of their weights and configurations",
        )


def _stored_and_read(model: KerasModel, name: str) -> KerasModel:
    """Return the model as the next step reads it, through the filter for files that are not trusted."""
    with tempfile.TemporaryDirectory(prefix="featherline-network-") as folder:
        store = open_store(folder)
        try:
            again = load_file(store, put_model(store, model))
        except (MemoryError, OutOfReach):
            raise
        except Refused as refusal:
            raise _unreadable(model, name, "; ".join(problem.got for problem in refusal.problems)) from refusal
        except Exception as error:
            raise _unreadable(model, name, f"{type(error).__name__}: {_first_line(error)}") from error
    return again


def _unreadable(model: KerasModel, name: str, got: str) -> Refused:
    return refuse(
        f"{name} gives a network that cannot be stored and read back",
        expected="Keras' own layers: a file is read without running code, so no Lambda and no class of yours",
        got=got,
        fix=f"replace {_suspects(model) or 'the layer that it names'} by layers of Keras or functions of tf",
    )


def _suspects(model: KerasModel) -> str:
    """Return the layers that are not Keras' own, or hold code."""
    odd = [
        f"the {type(layer).__name__} {layer.name}"
        for layer in model._flatten_layers(include_self=False)  # noqa: SLF001 - also those inside wrappers
        if holds_code(layer)
    ]
    return ", ".join(odd[:5])


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or ["no message"])[0][:200]
