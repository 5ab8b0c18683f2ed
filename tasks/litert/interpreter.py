"""Running a `.tflite` file with LiteRT, one example at a time, as a device does.

    inputs by name ──► quantize ──► invoke ──► dequantize ──► outputs by name

An int8 file takes and gives int8; the scale and zero point of every end are in the file. Whole numbers without a scale,
such as the places of words, go in and out as they are. `invoke` alone is what is timed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from featherline.tasks.contracts.dataset import sole
from featherline.tasks.contracts.model import Ends, TensorSpec
from featherline.tasks.contracts.refusal import refuse

RUNTIME = f"ai-edge-litert {version('ai-edge-litert')}"

Fed = NDArray[Any] | Mapping[str, NDArray[Any]]
"""Examples as a network takes them: the array of a sole input, or several by name."""

ByName = dict[str, NDArray[Any]]


class Batched(Protocol):
    """Examples that are not held: each look at them reads them anew, batch by batch."""

    def __len__(self) -> int:
        """Return how many there are."""

    def take(self, chosen: Any, /) -> Batched:  # noqa: ANN401 - what NumPy takes as an index
        """Return some of them."""

    def batches(self) -> Iterator[ByName]:
        """Yield them in their order, some at a time."""


def some(fed: Fed | Batched, chosen: Any) -> Any:  # noqa: ANN401 - what NumPy takes as an index
    """Return some examples, by what NumPy takes as an index."""
    if isinstance(fed, Mapping):
        return {name: values[chosen] for name, values in fed.items()}
    return fed[chosen] if isinstance(fed, np.ndarray) else fed.take(chosen)


def batches_of(fed: Fed | Batched) -> Iterator[Fed]:
    """Yield the examples in their order, in batches; those that are held are one."""
    return iter([fed]) if isinstance(fed, Mapping | np.ndarray) else fed.batches()


class FileRunner:
    """A file, its inputs and outputs by name, that takes one example at a time."""

    def __init__(self, file: bytes | Path, threads: int = 1) -> None:
        """Load the file.

        Raises:
            Refused: LiteRT does not run it, or it is not made for one example at a time.
        """
        content = file.read_bytes() if isinstance(file, Path) else file
        try:
            self.interpreter: Any = Interpreter(model_content=content, num_threads=threads)
            self.interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise refuse(
                "LiteRT does not run the file",
                expected=f"operators and types that {RUNTIME} has",
                got=str(error).splitlines()[0],
                fix="replace the layer behind the operator, or export with another scheme",
            ) from error
        self.inputs, self.outputs = ends_of(self.interpreter)
        self.ends = Ends(inputs=_specs(self.inputs), outputs=_specs(self.outputs))
        shapes = [tuple(map(int, end["shape"])) for end in (*self.inputs.values(), *self.outputs.values())]
        if any(shape[:1] != (1,) for shape in shapes):
            raise refuse(
                "the file is not made for one example at a time",
                expected="inputs and outputs whose first size is 1",
                got=f"inputs and outputs of the shapes {', '.join(map(str, shapes))}",
                fix="give a model that maps one example to one answer",
            )

    @property
    def output_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each output for one example."""
        return {name: spec.shape for name, spec in self.ends.outputs.items()}

    def gives(self, shapes: Mapping[str, tuple[int, ...]]) -> bool:
        """Return whether the outputs have these shapes; a sole one may have any name, as in files of older versions."""
        return sole(self.output_shapes) == sole(dict(shapes))

    def by_name(self, fed: Fed) -> ByName:
        """Return examples by the names of the file's inputs; a sole input takes them without, or under any name.

        A file of another tool calls its input as that tool does, and there is only one that can be meant.
        """
        given = sole(dict(fed)) if isinstance(fed, Mapping) else fed
        return dict(given) if isinstance(given, Mapping) else {next(iter(self.inputs)): given}

    def quantize(self, fed: Fed) -> ByName:
        """Return examples, (n, …) each, as the file takes them."""
        return {name: _quantize(values, self.inputs[name]) for name, values in self.by_name(fed).items()}

    def dequantize(self, raw: Mapping[str, NDArray[Any]]) -> ByName:
        """Return outputs, (n, …) each, of the file as float32."""
        return {name: _dequantize(values, self.outputs[name]) for name, values in raw.items()}

    def load(self, raw: Mapping[str, NDArray[Any]]) -> None:
        """Put one example, as the file takes it, where `invoke` reads it."""
        for name, values in raw.items():
            self.interpreter.set_tensor(self.inputs[name]["index"], values[None])

    def invoke(self) -> None:
        """Run the network on the example that `load` put there."""
        self.interpreter.invoke()

    def run(self, raw: Mapping[str, NDArray[Any]]) -> ByName:
        """Return the file's own outputs, (n, …) each, for examples as it takes them."""
        count = len(next(iter(raw.values())))
        given = {name: np.empty((count, *end["shape"][1:]), end["dtype"]) for name, end in self.outputs.items()}
        for index in range(count):
            self.load({name: values[index] for name, values in raw.items()})
            self.invoke()
            for name, end in self.outputs.items():
                given[name][index] = self.interpreter.get_tensor(end["index"])[0]
        return given

    def predict(self, fed: Fed | Batched) -> Any:  # noqa: ANN401 - an array, or several by name
        """Return float32 outputs for examples as a model takes them: of a sole output the array, else by name.

        Raises:
            Refused: An input is lacking or has another shape than the file takes, or an output is not finite.
        """
        parts = list(self.outputs_of(fed))
        if isinstance(parts[0], Mapping):
            return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return np.concatenate(parts)

    def outputs_of(self, fed: Fed | Batched) -> Iterator[Any]:
        """Yield float32 outputs batch by batch, so that nobody need hold them all. Raises as `predict`."""
        seen = 0
        for batch in batches_of(fed):
            outputs = self._predicted(batch, seen)
            seen += len(next(iter(outputs.values())))
            yield sole(outputs)

    def _predicted(self, fed: Fed, before: int) -> ByName:
        """Return the outputs for examples, before which there were so many."""
        given = self.by_name(fed)
        found = {name: values.shape[1:] for name, values in given.items()}
        wanted = {name: tuple(map(int, end["shape"][1:])) for name, end in self.inputs.items()}
        if found != wanted:
            raise refuse(
                "the file takes other examples",
                expected=f"examples of the shape {in_words(wanted)}, which the file is made for",
                got=in_words(found),
                fix="measure the file on the data that its model was trained for",
            )
        outputs = self.dequantize(self.run(self.quantize(given)))
        for name, values in outputs.items():
            broken = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
            if broken.size:
                raise refuse(
                    "the file gives outputs that are not finite",
                    expected=f"finite {name} for every example",
                    got=f"NaN or infinity for {broken.size} of {len(values)} examples, first for number "
                    f"{before + broken[0]}",
                    fix="training diverged or float16 overflows: lower the learning rate, or export in another scheme",
                )
        return outputs


def ends_of(interpreter: Any) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:  # noqa: ANN401
    """Return what an interpreter says of its inputs and outputs, by the names of the signature.

    A file without a signature has them by the names of their tensors.
    """
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    if interpreter.get_signature_list():
        signature = interpreter.get_signature_runner()
        return _named(signature.get_input_details(), inputs), _named(signature.get_output_details(), outputs)
    return {end["name"]: end for end in inputs}, {end["name"]: end for end in outputs}


def _named(signature: Mapping[str, Any], details: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    by_index = {int(end["index"]): end for end in details}
    return {name: by_index[int(end["index"])] for name, end in signature.items()}


def _specs(ends: Mapping[str, Any]) -> dict[str, TensorSpec]:
    return {
        name: TensorSpec(shape=tuple(map(int, end["shape"][1:])), dtype=np.dtype(end["dtype"]).name)
        for name, end in ends.items()
    }


def in_words(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Return the shape of a sole end, or those of several with their names."""
    said = sole(dict(shapes))
    return ", ".join(f"{name} {shape}" for name, shape in said.items()) if isinstance(said, dict) else str(said)


def _quantize(values: NDArray[Any], end: Mapping[str, Any]) -> NDArray[Any]:
    dtype = np.dtype(end["dtype"])
    scale, zero_point = end["quantization"]
    if dtype.kind not in "iu" or scale == 0:
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    rounded = np.round(values / np.float32(scale)) + zero_point
    quantized: NDArray[Any] = np.clip(rounded, limits.min, limits.max).astype(dtype)
    return quantized


def _dequantize(values: NDArray[Any], end: Mapping[str, Any]) -> NDArray[np.float32]:
    scale, zero_point = end["quantization"]
    if values.dtype.kind not in "iu" or scale == 0:
        return values.astype(np.float32)
    return (values.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)
