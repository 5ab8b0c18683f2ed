"""The operators of a file: how many of each, and which compute in float."""

from __future__ import annotations

from collections import Counter

from tasks.litert.graph import Graph


def census(graph: Graph) -> dict[str, int]:
    """Return how many operators there are of each name, by name."""
    return dict(sorted(Counter(operator.name for operator in graph.operators).items()))


def float_operators(graph: Graph) -> list[str]:
    """Return the names of the operators that take or give float16, float32 or float64, in the order they run.

    An operator of the scheme `dynamic`, which multiplies int8 but takes and gives float32, counts as one.
    """
    return [
        operator.name
        for operator in graph.operators
        if any(graph.tensors[place].dtype.kind == "f" for place in (*operator.inputs, *operator.outputs) if place >= 0)
    ]
