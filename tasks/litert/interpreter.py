"""Running a `.tflite` classifier with LiteRT, one image at a time, as a device does.

    model inputs ──► quantize ──► invoke ──► dequantize ──► logits

An int8 file takes and gives int8; the scale and zero point of both ends are in the file. `invoke` alone is what is
timed.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from featherline.tasks.contracts.refusal import refuse

RUNTIME = f"ai-edge-litert {version('ai-edge-litert')}"


class Classifier:
    """A file with one input (1, height, width, channels) and one output (1, classes)."""

    def __init__(self, file: bytes | Path, threads: int = 1) -> None:
        """Load the file.

        Raises:
            Refused: LiteRT does not run it, it has more than one input or output, or is not made for one image at a
                time.
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
        inputs, outputs = self.interpreter.get_input_details(), self.interpreter.get_output_details()
        shapes = [tuple(map(int, end["shape"])) for end in (*inputs, *outputs)]
        if (len(inputs), len(outputs)) != (1, 1) or shapes[0][0] != 1 or len(shapes[1]) != 2:  # noqa: PLR2004 - (1, classes)
            raise refuse(
                "the file is no image classifier",
                expected="one input (1, height, width, channels) and one output (1, classes)",
                got=f"inputs and outputs of the shapes {', '.join(map(str, shapes))}",
                fix="give a model that maps one image to one row of logits",
            )
        self.input, self.output = inputs[0], outputs[0]
        self.image_shape, self.classes = shapes[0][1:], shapes[1][1]

    def quantize(self, images: NDArray[np.float32]) -> NDArray[Any]:
        """Return model inputs (n, height, width, channels) as the file takes them."""
        return _quantize(images, self.input)

    def dequantize(self, raw: NDArray[Any]) -> NDArray[np.float32]:
        """Return outputs (n, classes) of the file as float32 logits."""
        return _dequantize(raw, self.output)

    def load(self, raw: NDArray[Any]) -> None:
        """Put one image (height, width, channels), as the file takes it, where `invoke` reads it."""
        self.interpreter.set_tensor(self.input["index"], raw[None])

    def invoke(self) -> None:
        """Run the network on the image that `load` put there."""
        self.interpreter.invoke()

    def run(self, raw: NDArray[Any]) -> NDArray[Any]:
        """Return the file's own outputs (n, classes) for images (n, height, width, channels) as it takes them."""
        outputs = np.empty((len(raw), self.classes), self.output["dtype"])
        for index, image in enumerate(raw):
            self.load(image)
            self.invoke()
            outputs[index] = self.interpreter.get_tensor(self.output["index"])[0]
        return outputs

    def logits(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32 logits (n, classes) for model inputs (n, height, width, channels).

        Raises:
            Refused: The images have another shape than the file takes, or an output is not finite.
        """
        if images.shape[1:] != self.image_shape:
            raise refuse(
                "the file takes other images",
                expected=f"images of the shape {self.image_shape}, which the file is made for",
                got=str(images.shape[1:]),
                fix="measure the file on the data that its model was trained for",
            )
        logits = self.dequantize(self.run(self.quantize(images)))
        broken = np.flatnonzero(~np.isfinite(logits).all(axis=1))
        if broken.size:
            raise refuse(
                "the file gives outputs that are not finite",
                expected="finite logits for every image",
                got=f"NaN or infinity for {broken.size} of {len(logits)} images, first for number {broken[0]}",
                fix="training diverged or float16 overflows: lower the learning rate, or export with another scheme",
            )
        return logits


def _quantize(values: NDArray[np.float32], end: dict[str, Any]) -> NDArray[Any]:
    dtype = np.dtype(end["dtype"])
    if dtype.kind == "f":
        return values.astype(dtype)
    scale, zero_point = end["quantization"]
    limits = np.iinfo(dtype)
    rounded = np.round(values / np.float32(scale)) + zero_point
    quantized: NDArray[Any] = np.clip(rounded, limits.min, limits.max).astype(dtype)
    return quantized


def _dequantize(values: NDArray[Any], end: dict[str, Any]) -> NDArray[np.float32]:
    if values.dtype.kind == "f":
        return values.astype(np.float32)
    scale, zero_point = end["quantization"]
    return (values.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)
