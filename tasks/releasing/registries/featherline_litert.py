"""Load a Featherline release as an MLflow `python_function`. This file travels with the model and stands alone.

    images (n, height, width, channels) uint8 ──► preprocess ──► quantize ──► LiteRT ──► logits (n, classes) float32

    model = mlflow.pyfunc.load_model("models:/digits@champion")
    model.predict(images).argmax(axis=1)

It needs numpy and ai-edge-litert, and nothing of Featherline.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter


class LiteRTClassifier:
    """A `.tflite` classifier that takes pixels and gives logits."""

    def __init__(self, folder: Path) -> None:
        """Load `model.tflite` and `model.json` of a folder."""
        said: dict[str, Any] = json.loads((folder / "model.json").read_text())
        self.labels: list[str] = said["labels"]
        self.preprocessing: dict[str, Any] = said["preprocessing"]
        self.interpreter: Any = Interpreter(model_path=str(folder / "model.tflite"), num_threads=1)
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]
        self.output = self.interpreter.get_output_details()[0]

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> np.ndarray[Any, Any]:  # noqa: ANN401, ARG002 - the signature that MLflow calls
        """Return logits, (n, classes) float32.

        Args:
            model_input: (n, height, width, channels) pixels as they lie in the data, or `{"images": pixels}`.
            params: None; there is nothing to set.

        Raises:
            ValueError: The images have another size than the model takes.
        """
        images = np.asarray(model_input["images"] if isinstance(model_input, dict) else model_input)
        expected = tuple(int(size) for size in self.input["shape"][1:])
        if images.shape[1:] != expected:
            raise ValueError(f"the model takes images of shape {expected}, got {images.shape[1:]}")
        rows = [self._logits(image) for image in self._preprocess(images)]
        return np.stack(rows) if rows else np.zeros((0, len(self.labels)), np.float32)

    def _preprocess(self, images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        scale, mean, std = (np.asarray(self.preprocessing[key], np.float32) for key in ("scale", "mean", "std"))
        ordered = images[..., ::-1] if self.preprocessing["channel_order"] == "bgr" else images
        inputs: np.ndarray[Any, Any] = (ordered.astype(np.float32) / scale - mean) / std
        return inputs

    def _logits(self, image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        value = image[np.newaxis]
        dtype = np.dtype(self.input["dtype"])
        if dtype.kind == "i":
            scale, zero_point = self.input["quantization"]
            limits = np.iinfo(dtype)
            value = np.clip(np.rint(value / scale) + zero_point, limits.min, limits.max)
        self.interpreter.set_tensor(self.input["index"], value.astype(dtype))
        self.interpreter.invoke()
        raw = self.interpreter.get_tensor(self.output["index"])[0]
        if np.dtype(self.output["dtype"]).kind != "i":
            logits: np.ndarray[Any, Any] = raw.astype(np.float32)
            return logits
        scale, zero_point = self.output["quantization"]
        dequantized: np.ndarray[Any, Any] = ((raw.astype(np.float32) - zero_point) * scale).astype(np.float32)
        return dequantized


def _load_pyfunc(path: str) -> LiteRTClassifier:
    """Return the model in the folder `path`; MLflow calls this by name."""
    return LiteRTClassifier(Path(path))
