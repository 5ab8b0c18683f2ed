"""What is refused of a network before its first epoch."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

from featherline.tasks.compression.dry_run.network import check_network
from featherline.tasks.contracts.model import Architecture
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.networks.framework import keras
from featherline.tasks.networks.zoo.build import build
from featherline.tasks.networks.zoo.precision import in_one_precision, usual_policy

SHAPE, CLASSES = (8, 8, 1), 4


def built(name: str) -> Any:
    """Build a network of the user's own."""
    return build(Architecture(builder=f"own_builders:{name}"), SHAPE, CLASSES)


@pytest.mark.parametrize("name", ["plain", "mixed", "inner_mixed", "unrounded", "with_attention"])
def test_what_can_be_stored_and_counted_is_let_through(name: str) -> None:
    """A network that all later steps can work with is not refused."""
    check_network(built(name), name)


@pytest.mark.parametrize("name", ["mixed", "inner_mixed"])
def test_mixed_precision_is_built_anew_in_float32(name: str) -> None:
    """Every layer, one of a model inside too, computes in float32, and as the original does but for its rounding."""
    with usual_policy():
        given = getattr(importlib.import_module("own_builders"), name)(SHAPE, CLASSES)

    found = in_one_precision(given)

    images = np.random.default_rng(0).uniform(size=(4, *SHAPE)).astype(np.float32)
    assert {layer.compute_dtype for layer in found._flatten_layers(include_self=False)} == {"float32"}
    assert np.asarray(found(images)) == pytest.approx(np.asarray(given(images), np.float32), abs=0.01)


def test_what_a_builder_sets_for_all_layers_ends_with_it() -> None:
    """A builder that leaves mixed precision behind changes no layer that is made after it, float64 ones too."""
    built("mixed")

    keras.backend.set_floatx("float64")
    try:
        assert keras.layers.Dense(1).compute_dtype == "float64"
    finally:
        keras.backend.set_floatx("float32")


REFUSED = [
    ("with_lambda", "cannot be stored and read back", "the Lambda half"),
    ("with_own_layer", "cannot be stored and read back", "the Shift shift"),
    ("with_patches", "layer patches cannot be counted", "build the model of these layers"),
    ("frozen", "without weights to train", "set trainable to true"),
    ("infinite", "logits that are no numbers", "look for a division by zero"),
]


@pytest.mark.parametrize(("name", "what", "fix"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_would_fail_after_the_training_is_refused_before_it(name: str, what: str, fix: str) -> None:
    """The layer is named, with what to do about it."""
    with pytest.raises(Refused) as refusal:
        check_network(built(name), name)

    assert what in refusal.value.problems[0].what
    assert fix in refusal.value.problems[0].fix
