"""TensorFlow Lite Micro in a process of its own, since a file that it does not like ends the process.

folder/{model.tflite, inputs.npy} ──► folder/outputs.npy

python -m featherline.tasks.litert.micro FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

ARENA_BYTES = 64 * 2**20


def main(folder: Path) -> None:
    """Run every input and write the outputs."""
    from tflite_micro.python.tflite_micro import runtime  # noqa: PLC0415 - the child alone needs it

    interpreter = runtime.Interpreter.from_file(str(folder / "model.tflite"), arena_size=ARENA_BYTES)
    outputs = []
    for example in np.load(folder / "inputs.npy", allow_pickle=False):
        interpreter.set_input(example[None], 0)
        interpreter.invoke()
        outputs.append(np.array(interpreter.get_output(0))[0])
    np.save(folder / "outputs.npy", np.stack(outputs))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
