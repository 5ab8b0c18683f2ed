"""How much memory a network needs beside its file: by TensorFlow Lite Micro where it loads, else by liveness.

TensorFlow Lite Micro plans one arena and records what it used of it, down to the byte. It ends the process that asks
for an operator it does not know, so it is asked in a child process.

    python -m featherline.tasks.measuring.peak_ram model.tflite ARENA_BYTES
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Literal

from featherline.tasks.contracts.request import Exit
from featherline.tasks.contracts.safe_text import visible
from featherline.tasks.litert import flatbuffer
from featherline.tasks.litert.graph import Graph, read_graph
from featherline.tasks.running.child import Child

ALIGNMENT_BYTES = 16
PATIENCE_S = 120.0
Method = Literal["tflite-micro", "liveness"]


class MicroArena:
    """TensorFlow Lite Micro at work in a child process, so that other measuring goes on meanwhile."""

    def __init__(self, data: bytes, graph: Graph, folder: Path) -> None:
        """Ask for the arena of a file.

        Args:
            data: The file; its weights are brought inside the flatbuffer, which is all that the runtime reads.
            graph: Of the same file.
            folder: For the file that the child reads.
        """
        path = folder / "micro.tflite"
        path.write_bytes(flatbuffer.pack(flatbuffer.unpack(data)))
        self.live_bytes = liveness(graph)
        room = 2 * self.live_bytes + 8 * len(data) + 2**20
        self.child = Child("featherline.tasks.measuring.peak_ram", path, str(room), log=folder / "micro.log")

    def used_bytes(self) -> tuple[int, Method]:
        """Return the bytes of the arena, or of the live activations where TensorFlow Lite Micro does not load the file.

        The method is part of the answer: the two are not comparable.

        Raises:
            MemoryError: The child ran out of memory, which says nothing of the file.
        """
        ended = self.child.wait(PATIENCE_S)
        found = re.search(r"Arena allocation total (\d+) bytes", ended.said)
        if ended.code == 0 and found:
            return int(found[1]), "tflite-micro"
        if ended.code == Exit.OUT_OF_MEMORY and not ended.late:
            raise MemoryError("TensorFlow Lite Micro's process ran out of memory")
        reason = next((line for line in ended.said.splitlines() if line.strip()), f"exit {ended.code}")
        print(f"evaluate: peak RAM by liveness, as TensorFlow Lite Micro does not load the file: {visible(reason)}")
        return self.live_bytes, "liveness"


def liveness(graph: Graph) -> int:
    """Return the most bytes of computed tensors that are needed at once, when operators run in the file's order.

    A tensor lives from the operator that gives it (the input: from the start) to the last that takes it (the output:
    to the end), each on 16 bytes. Scratch memory of operators is not known and not counted.
    """
    last = {place: step for step, operator in enumerate(graph.operators) for place in operator.inputs}
    last |= dict.fromkeys(graph.outputs, len(graph.operators))
    live = {place: _aligned(graph.tensors[place].size_bytes) for place in graph.inputs}
    most = sum(live.values())
    for step, operator in enumerate(graph.operators):
        live |= {place: _aligned(graph.tensors[place].size_bytes) for place in operator.outputs}
        most = max(most, sum(live.values()))
        live = {place: size for place, size in live.items() if last.get(place, step) > step}
    return most


def _aligned(size_bytes: int) -> int:
    return -(-size_bytes // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


def main(path: Path, room: int) -> None:
    """Run the file once in TensorFlow Lite Micro and let it print its allocations on stderr."""
    import numpy as np  # noqa: PLC0415 - the child alone needs what follows
    from tflite_micro.python.tflite_micro import runtime  # noqa: PLC0415

    interpreter = runtime.Interpreter.from_file(str(path), arena_size=room)
    for place in range(len(read_graph(path.read_bytes()).inputs)):
        details = interpreter.get_input_details(place)
        interpreter.set_input(np.zeros(details["shape"], details["dtype"]), place)
    interpreter.invoke()
    interpreter.print_allocations()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
