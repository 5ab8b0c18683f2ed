"""The operators of a file: how many of each, and which compute in float."""

from __future__ import annotations

from collections import Counter

from featherline.tasks.litert.graph import Graph, Operator


def census(graph: Graph) -> dict[str, int]:
    """Return how many operators there are of each name, by name."""
    return dict(sorted(Counter(operator.name for operator in graph.operators).items()))


def is_float(graph: Graph, operator: Operator) -> bool:
    """Return whether an operator takes or gives float16, float32 or float64."""
    places = (*operator.inputs, *operator.outputs)
    return any(graph.tensors[place].dtype.kind == "f" for place in places if place >= 0)


def float_operators(graph: Graph) -> list[str]:
    """Return the names of the operators that take or give float16, float32 or float64, in the order they run.

    An operator of the scheme `dynamic_wi8_afp32`, which multiplies int8 but takes and gives float32, counts as one.
    """
    return [operator.name for operator in graph.operators if is_float(graph, operator)]
