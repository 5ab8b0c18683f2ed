"""The range of every activation, from examples that the float file is run on.

    float file, examples ──► [LiteRT, all tensors kept] ──► lowest and highest of each ──► method ──► ranges
                                                           (percentile, mse: a histogram too)

A range that holds every value wastes steps on outliers; one that is too small cuts values off. A range always holds
zero, as padding needs it to be exact.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from featherline.tasks.contracts.post_training import Calibration
from featherline.tasks.litert.graph import read_graph
from featherline.tasks.litert.interpreter import Batched, Fed, batches_of, ends_of

SMOOTHING = 0.95
"""Of the moving average, as in litert-quantizer."""

BINS = 2048
CLIPS = np.linspace(0.3, 1.0, 71)
"""Fractions of the whole range that `mse` looks at."""

ROUNDING = 1e-12
"""Of shares: 1 - 0.9 is a little less than 0.1."""

Ranges = dict[str, tuple[float, float]]
"""Lowest and highest, by the name of the tensor."""


class Observer:
    """A float file that shows all its activations."""

    def __init__(self, file: bytes) -> None:
        """Load the file; its tensors must have names."""
        graph = read_graph(file)
        places = [*graph.inputs, *(place for operator in graph.operators for place in operator.outputs)]
        self.places = [place for place in places if graph.tensors[place].dtype == np.float32]
        self.names = [graph.tensors[place].name for place in self.places]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that keeping all tensors takes memory, which is meant
            self.interpreter: Any = Interpreter(
                model_content=file, num_threads=1, experimental_preserve_all_tensors=True
            )
        self.interpreter.allocate_tensors()
        self.inputs, _ = ends_of(self.interpreter)

    def by_name(self, fed: Fed) -> dict[str, NDArray[Any]]:
        """Return examples by the names of the file's inputs; those of a sole input may come without."""
        return dict(fed) if isinstance(fed, Mapping) else {next(iter(self.inputs)): fed}

    def see_each(self, fed: Fed | Batched) -> Iterator[list[NDArray[np.float32]]]:
        """Yield every activation for one example after the other."""
        for examples in map(self.by_name, batches_of(fed)):
            for row in range(len(next(iter(examples.values())))):
                yield self.see({name: values[row] for name, values in examples.items()})

    def see(self, example: Mapping[str, NDArray[Any]]) -> list[NDArray[np.float32]]:
        """Return every activation for one example, in the order of `names`."""
        for name, values in example.items():
            self.interpreter.set_tensor(self.inputs[name]["index"], values[None])
        self.interpreter.invoke()
        return [self.interpreter.get_tensor(place).ravel() for place in self.places]


def activation_ranges(file: bytes, fed: Fed | Batched, calibration: Calibration, bits: int = 8) -> Ranges:
    """Return the range of each activation.

    Args:
        file: Float, with the names of its tensors.
        fed: Examples as the model takes them, (n, …) each, n > 0.
        calibration: The method; its `examples` are already chosen.
        bits: Of an activation, which `mse` measures its error with.
    """
    observer = Observer(file)
    ends = np.array(
        [[(values.min(), values.max()) for values in seen] for seen in observer.see_each(fed)], dtype=np.float64
    )
    lowest, highest = ends[..., 0].min(axis=0), ends[..., 1].max(axis=0)
    if calibration.method == "moving_average":
        chosen = moving_average(ends)
    elif calibration.method == "minmax":
        chosen = np.stack([lowest, highest], axis=1)
    else:
        counts = _histograms(observer, fed, lowest, highest)
        edges = np.linspace(lowest, highest, BINS + 1, axis=1)
        if calibration.method == "percentile":
            pairs = [cut(*both, calibration.percentile / 100) for both in zip(counts, edges, strict=True)]
        else:
            pairs = [least_error(*both, bits) for both in zip(counts, edges, strict=True)]
        chosen = np.array(pairs)
    return {
        name: (min(float(low), 0.0), max(float(high), 0.0))
        for name, (low, high) in zip(observer.names, chosen, strict=True)
    }


def moving_average(ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (tensors, 2): the ends of (examples, tensors, 2), each example moving them by a twentieth of the way."""
    average: NDArray[np.float64] = ends[0]
    for seen in ends[1:]:
        average = SMOOTHING * average + (1 - SMOOTHING) * seen
    return average


def cut(counts: NDArray[np.int64], edges: NDArray[np.float64], share: float) -> tuple[float, float]:
    """Return the edges of the bins between which all but `1 - share` of the values lie, at either end.

    Args:
        counts: (bins,).
        edges: (bins + 1,), rising.
        share: Of the values that stay below the upper end, and above the lower one; over a half.
    """
    below = np.cumsum(counts) / counts.sum()
    low = int(np.searchsorted(below, 1 - share + ROUNDING, side="right"))
    high = int(np.searchsorted(below, share - ROUNDING, side="left"))
    return float(edges[low]), float(edges[min(high, len(counts) - 1) + 1])


def least_error(counts: NDArray[np.int64], edges: NDArray[np.float64], bits: int) -> tuple[float, float]:
    """Return the range, a fraction of the whole one, that rounds the values with the least mean squared error.

    Args:
        counts: (bins,).
        edges: (bins + 1,), rising.
        bits: Of a rounded value.
    """
    centres = (edges[:-1] + edges[1:]) / 2
    steps = 2**bits - 1

    def error(low: float, high: float) -> float:
        step = (high - low) / steps or 1.0
        rounded = low + step * np.clip(np.round((centres - low) / step), 0, steps)
        return float((counts * (rounded - centres) ** 2).sum())

    ranges = [(clip * min(float(edges[0]), 0.0), clip * max(float(edges[-1]), 0.0)) for clip in CLIPS[::-1]]
    return min(ranges, key=lambda ends: error(*ends))


def _histograms(
    observer: Observer, fed: Fed | Batched, lowest: NDArray[np.float64], highest: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return (tensors, BINS) counts of all values of all examples."""
    counts = np.zeros((len(lowest), BINS), np.int64)
    scale = BINS / np.where(highest > lowest, highest - lowest, 1.0)
    for seen in observer.see_each(fed):
        for row, values in enumerate(seen):
            bins = np.minimum(((values - lowest[row]) * scale[row]).astype(np.int64), BINS - 1)
            counts[row] += np.bincount(bins, minlength=BINS)
    return counts
