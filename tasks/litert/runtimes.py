"""One file in every runtime that a device may have: which run it, and whether they give the same.

file, inputs ──► LiteRT with XNNPACK ──► outputs
             ├─► LiteRT with its own kernels ──► outputs
             └─► TensorFlow Lite Micro (a child process, which an unknown operator ends) ──► outputs, or why not

python -m featherline.tasks.litert.runtimes model.tflite
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from featherline.tasks.litert import flatbuffer
from featherline.tasks.running.child import Child

Runtime = Literal["xnnpack", "litert", "tflite-micro"]
RUNTIMES: tuple[Runtime, ...] = ("xnnpack", "litert", "tflite-micro")
RESOLVERS = {"xnnpack": OpResolverType.AUTO, "litert": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES}
PATIENCE_S = 120.0
EXAMPLES = 4


@dataclass(frozen=True)
class Answer:
    """What a runtime made of a file.

    Attributes:
        runtime: Which.
        outputs: (n, ...) as the file gives them; None where it does not run.
        why: Its own words where it does not run.
    """

    runtime: Runtime
    outputs: NDArray[Any] | None
    why: str = ""


def answer(file: bytes, inputs: NDArray[Any], runtime: Runtime) -> Answer:
    """Run a file in a runtime.

    Args:
        file: A `.tflite` file with one input and one output.
        inputs: (n, height, width, channels), as the file takes them.
        runtime: Which.
    """
    if runtime == "tflite-micro":
        return _micro(file, inputs)
    try:
        interpreter: Any = Interpreter(
            model_content=file, num_threads=1, experimental_op_resolver_type=RESOLVERS[runtime]
        )
        interpreter.allocate_tensors()
        given, made = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
        outputs = []
        for example in inputs:
            interpreter.set_tensor(given, example[None])
            interpreter.invoke()
            outputs.append(interpreter.get_tensor(made)[0])
    except (RuntimeError, ValueError) as error:
        return Answer(runtime, None, str(error).strip().splitlines()[0])
    return Answer(runtime, np.stack(outputs))


def apart(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Return how far two outputs of a file are apart: in steps where they are integers, else in their own unit."""
    return float(np.abs(one.astype(np.float64) - other.astype(np.float64)).max())


def _micro(file: bytes, inputs: NDArray[Any]) -> Answer:
    with tempfile.TemporaryDirectory(prefix="featherline-micro-") as name:
        folder = Path(name)
        (folder / "model.tflite").write_bytes(flatbuffer.pack(flatbuffer.unpack(file)))
        np.save(folder / "inputs.npy", inputs)
        with Child("featherline.tasks.litert.micro", name, log=folder / "micro.log") as child:
            ended = child.wait(PATIENCE_S)
        made = folder / "outputs.npy"
        if ended.code == 0 and made.exists():
            return Answer("tflite-micro", np.load(made, allow_pickle=False))
        lines = [line.strip() for line in ended.said.splitlines() if line.strip()]
        if ended.late:
            return Answer("tflite-micro", None, f"no answer within {PATIENCE_S:.0f} s")
        return Answer("tflite-micro", None, lines[0] if lines else ended.signal_name or f"exit {ended.code}")


def main(path: Path) -> None:
    """Say which runtimes run a file, and how far each is from the first that does."""
    file = path.read_bytes()
    interpreter: Any = Interpreter(model_content=file)
    if len(interpreter.get_input_details()) > 1 or len(interpreter.get_output_details()) > 1:
        raise SystemExit("runtimes are compared by files with one input and one output, and this one has several")
    details = interpreter.get_input_details()[0]
    dtype, shape = np.dtype(details["dtype"]), (EXAMPLES, *details["shape"][1:])
    drawn = np.random.default_rng(0).uniform(-1, 1, shape)
    inputs = drawn.astype(dtype) if dtype.kind == "f" else (drawn * np.iinfo(dtype).max).astype(dtype)
    first: NDArray[Any] | None = None
    for runtime in RUNTIMES:
        given = answer(file, inputs, runtime)
        if given.outputs is None:
            print(f"{runtime:<14}does not run it: {given.why}")
            continue
        first = given.outputs if first is None else first
        unit = "" if first.dtype.kind == "f" else " steps"
        print(f"{runtime:<14}runs it, {apart(given.outputs, first):g}{unit} from the first")
    print(f"ai-edge-litert {version('ai-edge-litert')}, tflite-micro {version('tflite-micro')}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
