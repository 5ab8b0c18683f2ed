"""A file that is measured: its bytes, what they say, and what runs them.

.tflite bytes ──► OpenedFile ──► graph (read once), runner (loaded once), counts, its turn in a race
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from featherline.tasks.data.dataset import taken
from featherline.tasks.litert.graph import Graph, read_graph
from featherline.tasks.litert.interpreter import Fed, FileRunner, some
from featherline.tasks.measuring import macs, operators, size, weights


@dataclass(frozen=True)
class OpenedFile:
    """A file and how many threads it is run with.

    Attributes:
        data: Its bytes.
        threads: Of the interpreter.
    """

    data: bytes
    threads: int = 1

    @cached_property
    def graph(self) -> Graph:
        """Return its operators and tensors."""
        return read_graph(self.data)

    @cached_property
    def runner(self) -> FileRunner:
        """Return what runs it."""
        return FileRunner(self.data, self.threads)

    def turn(self, fed: Fed) -> tuple[FileRunner, Any]:
        """Return it as one of several files that are timed in turn, on the first of these examples."""
        return self.runner, taken(self.runner.quantize(some(fed, slice(1))), 0)

    def counts(self) -> dict[str, Any]:
        """Return how large it is and what its weights are: fields of `Measurement` and of `StageEntry`."""
        return {
            "size_bytes": len(self.data),
            "gzip_bytes": size.gzip_bytes(self.data),
            "zstd_bytes": size.zstd_bytes(self.data),
            "entropy_bytes": size.entropy_bytes(self.graph),
            "sparsity": weights.sparsity(self.graph),
            "distinct_weights": weights.distinct_weights(self.graph),
            "parameters": weights.parameters(self.graph),
            "macs": macs.macs(self.graph),
        }

    def structure(self) -> dict[str, Any]:
        """Return what it says without being run: fields of `Measurement`."""
        return self.counts() | {
            "operators": operators.census(self.graph),
            "float_operators": len(operators.float_operators(self.graph)),
            "minimum_runtime": self.graph.minimum_runtime,
        }
