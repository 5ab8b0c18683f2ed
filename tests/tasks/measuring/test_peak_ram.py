"""Memory by liveness, on a network that fits on a page."""

from __future__ import annotations

import dataclasses

from featherline.tasks.litert.graph import Graph
from featherline.tasks.measuring.machine import machine
from featherline.tasks.measuring.peak_ram import liveness


def test_a_tensor_lives_from_its_maker_to_its_last_reader(network: Graph) -> None:
    """At the addition the convolution's output still lives, with both others: 3 * 64; the input of 128 is gone."""
    assert liveness(network) == max(128 + 64, 64 + 64, 64 + 64 + 64)


def test_an_unread_shortcut_frees_its_memory(network: Graph) -> None:
    """Where the addition takes the depthwise output twice, two tensors of 64 bytes are enough after the start."""
    shortcut = dataclasses.replace(network.operators[2], inputs=(5, 5))
    straight = dataclasses.replace(network, operators=(*network.operators[:2], shortcut, network.operators[3]))

    assert liveness(straight) == 128 + 64


def test_tensors_lie_on_sixteen_bytes(network: Graph) -> None:
    """The ten bytes of the output take sixteen."""
    last = dataclasses.replace(network, operators=network.operators[3:], inputs=(6,))

    assert liveness(last) == 64 + 16


def test_the_machine_is_named() -> None:
    """The line holds the CPU's cores and the system."""
    assert " cores, Linux " in machine()
