"""Load a Featherline release as an MLflow `python_function`. This file travels with the model and stands alone.

    inputs by name, as they lie in the data ──► preprocess ──► quantize ──► LiteRT ──► outputs by name, float32

    model = mlflow.pyfunc.load_model("models:/digits@champion")
    model.predict(examples)["logits"].argmax(axis=1)

It needs numpy and ai-edge-litert, and nothing of Featherline.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

Array = np.ndarray[Any, Any]


class LiteRTModel:
    """A `.tflite` file that takes examples as they lie in the data."""

    def __init__(self, folder: Path) -> None:
        """Load `model.tflite` and `model.json` of a folder."""
        said: dict[str, Any] = json.loads((folder / "model.json").read_text())
        self.labels: list[str] = said["labels"]
        self.preprocessing: dict[str, dict[str, Any]] = said["preprocessing"]
        self.interpreter: Any = Interpreter(model_path=str(folder / "model.tflite"), num_threads=1)
        self.interpreter.allocate_tensors()
        self.inputs = _by_name(said["inputs"], self.interpreter.get_input_details())
        self.outputs = _by_name(said["outputs"], self.interpreter.get_output_details())

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> dict[str, Array]:  # noqa: ANN401, ARG002 - the signature that MLflow calls
        """Return the outputs by name, (n, …) float32 each.

        Args:
            model_input: The inputs by name, (n, …) each, as they lie in the data; that of a sole input may come alone.
            params: None; there is nothing to set.

        Raises:
            ValueError: An input is lacking, or its examples have another shape than the model takes.
        """
        given = model_input if isinstance(model_input, dict) else {next(iter(self.inputs)): model_input}
        examples = {name: np.asarray(values) for name, values in given.items()}
        shapes = {name: values.shape[1:] for name, values in examples.items()}
        expected = {name: tuple(int(size) for size in end["shape"][1:]) for name, end in self.inputs.items()}
        if shapes != expected:
            raise ValueError(f"the model takes examples of the shapes {expected}, got {shapes}")
        fed = {name: self._preprocess(name, values) for name, values in examples.items()}
        rows = [self._outputs({name: values[row] for name, values in fed.items()}) for row in range(_count(fed))]
        return {
            name: np.stack([row[name] for row in rows]) if rows else np.zeros((0, *end["shape"][1:]), np.float32)
            for name, end in self.outputs.items()
        }

    def _preprocess(self, name: str, values: Array) -> Array:
        how = self.preprocessing[name]
        scale, mean, std = (np.asarray(how[key], np.float32) for key in ("scale", "mean", "std"))
        ordered = values[..., ::-1] if how["channel_order"] == "bgr" else values
        inputs: Array = (ordered.astype(np.float32) / scale - mean) / std
        return inputs

    def _outputs(self, example: dict[str, Array]) -> dict[str, Array]:
        for name, values in example.items():
            self.interpreter.set_tensor(self.inputs[name]["index"], _quantized(values[np.newaxis], self.inputs[name]))
        self.interpreter.invoke()
        raw = {name: self.interpreter.get_tensor(end["index"])[0] for name, end in self.outputs.items()}
        return {name: _dequantized(values, self.outputs[name]) for name, values in raw.items()}


def _by_name(names: Any, details: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:  # noqa: ANN401 - JSON
    """Return the tensors by the names that the file's metadata gives them, which are those of the tensors."""
    return {name: next((end for end in details if end["name"] == name), details[0]) for name in names}


def _count(examples: dict[str, Array]) -> int:
    return len(next(iter(examples.values())))


def _quantized(values: Array, end: dict[str, Any]) -> Array:
    dtype = np.dtype(end["dtype"])
    scale, zero_point = end["quantization"]
    if dtype.kind in "iu" and scale:
        limits = np.iinfo(dtype)
        values = np.clip(np.rint(values / scale) + zero_point, limits.min, limits.max)
    return values.astype(dtype)


def _dequantized(raw: Array, end: dict[str, Any]) -> Array:
    scale, zero_point = end["quantization"]
    if np.dtype(end["dtype"]).kind not in "iu" or not scale:
        values: Array = raw.astype(np.float32)
        return values
    dequantized: Array = ((raw.astype(np.float32) - zero_point) * scale).astype(np.float32)
    return dequantized


def _load_pyfunc(path: str) -> LiteRTModel:
    """Return the model in the folder `path`; MLflow calls this by name."""
    return LiteRTModel(Path(path))
