"""Free ports."""

from __future__ import annotations

import socket

from featherline.stack import ports


def test_a_wanted_port_that_is_free_is_kept():
    """Addresses last from one start to the next."""
    (port,) = ports.choose([None])

    assert ports.choose([port]) == [port]


def test_a_wanted_port_that_is_taken_is_replaced():
    """Another program's port is left to it."""
    (port,) = ports.choose([None])
    with socket.socket() as other:
        other.bind((ports.HOST, port))
        other.listen()

        (chosen,) = ports.choose([port])

    assert chosen != port


def test_ports_chosen_together_differ():
    """Also where the same one is wanted twice."""
    (port,) = ports.choose([None])

    chosen = ports.choose([port, port, None, None])

    assert chosen[0] == port
    assert len(set(chosen)) == 4
