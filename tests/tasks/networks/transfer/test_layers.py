"""Which layers are frozen."""

from __future__ import annotations

from typing import Any

import pytest

from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.transfer import NewHead
from featherline.tasks.networks.transfer.layers import frozen_of
from featherline.tasks.networks.transfer.network import with_new_head

OF_GATED = ["stem", "stem_bn", "gate", "last", "last_bn"]


def test_the_backbone_is_all_in_front_of_the_head(gated: Any) -> None:
    """Of a new head what came from the file; of a file with its own, what is in front of its last pooling."""
    model, head = with_new_head(gated, "mine.keras", NewHead(), 3)

    assert frozen_of(model, "mine.keras", "backbone", head) == OF_GATED
    assert frozen_of(gated, "mine.keras", "backbone", ()) == OF_GATED


def test_layers_are_counted_from_the_input_on(gated: Any) -> None:
    """Those with weights: batch normalisation counts, pooling and activations do not."""
    assert frozen_of(gated, "mine.keras", 2, ()) == ["stem", "stem_bn"]


def test_layers_are_named_by_patterns(gated: Any) -> None:
    """In the order of the network, whatever the order of the patterns; a new head is never meant."""
    model, head = with_new_head(gated, "mine.keras", NewHead(), 3)

    assert frozen_of(gated, "mine.keras", ("last*", "stem"), ()) == ["stem", "last", "last_bn"]
    assert frozen_of(model, "mine.keras", ("*",), head) == OF_GATED


@pytest.mark.parametrize(
    ("asked", "got", "fix"),
    [
        (("stem", "lats_bn"), "lats_bn", "did you mean last_bn?"),
        (("conv5_*",), "conv5_*", "its last layers: answers, hidden, last_bn, last, gate"),
        (8, "8", "set train.frozen: backbone for all of them, or a smaller number"),
        (7, "all 7 layers with weights frozen", "set model.head: new, or freeze fewer layers"),
        (("*",), "all 7 layers with weights frozen", "set model.head: new, or freeze fewer layers"),
    ],
)
def test_what_cannot_be_frozen_is_refused(gated: Any, asked: Any, got: str, fix: str) -> None:
    """A layer that is not there, more layers than there are, and everything."""
    with pytest.raises(Refused) as refusal:
        frozen_of(gated, "mine.keras", asked, ())

    assert refusal.value.problems[0].got == got
    assert refusal.value.problems[0].fix == fix
