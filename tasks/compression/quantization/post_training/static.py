"""Static integers from a float file: litert-quantizer rounds, we say what to which width, and put the file in order.

float file, ranges, widths ──► recipe ──► litert-quantizer ──► weights inside, versions stamped ──► file
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from featherline.tasks.compression.quantization.post_training.calibration import Ranges
from featherline.tasks.compression.quantization.post_training.layers import INT4_OPERATORS, ONE_STEP, Layer, layers
from featherline.tasks.contracts.model import Width
from featherline.tasks.contracts.schemes import Activations
from featherline.tasks.litert import flatbuffer, versions

Weights = Literal["minmax", "octav", "mse"]


@dataclass(frozen=True)
class StaticQuantizer:
    """Rounds one float file.

    Attributes:
        file: Float, with the names of its tensors.
        ranges: Of every activation.
        weights: How steps of weights are found.
    """

    file: bytes
    ranges: Ranges
    weights: Weights = "minmax"

    def all(self, activations: Activations, widths: Mapping[str, Width]) -> bytes:
        """Return a file that computes with integers, but for the layers that are to stay float.

        Args:
            activations: Their bits; 16 are symmetric around zero.
            widths: By the layer's scope; int8 where absent, and where the operator has no int4.
        """
        recipe = _Recipe(activations, self.weights)
        recipe.rest()
        for layer in layers(self.file):
            recipe.layer(layer, widths.get(layer.scope, "int8"))
        return self._rounded(recipe)

    def alone(self, layer: Layer, width: Width) -> bytes:
        """Return a file in which one layer computes with integers of a width and all else stays float."""
        recipe = _Recipe(8, self.weights)
        recipe.layer(layer, width)
        return self._rounded(recipe)

    def _rounded(self, recipe: _Recipe) -> bytes:
        from litert_quantizer import quantizer  # noqa: PLC0415 - a second that other schemes do not pay

        work = quantizer.Quantizer(self.file)
        work.load_quantization_recipe(recipe.manager.get_quantization_recipe())
        known = {
            name: {"min": np.array([low], np.float32), "max": np.array([high], np.float32)}
            for name, (low, high) in self.ranges.items()
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that keeping all tensors takes memory, once more
            made = work.quantize(known, enable_progress_report=False).quantized_model
        model = flatbuffer.unpack(bytes(made))
        versions.stamp(model)
        return flatbuffer.pack(model)


class _Recipe:
    """A recipe of litert-quantizer; of two rules for one operator the later one holds."""

    def __init__(self, activations: Activations, weights: Weights) -> None:
        from litert_quantizer import qtyping  # noqa: PLC0415 - see above
        from litert_quantizer.recipe_manager import AlgorithmName, RecipeManager  # noqa: PLC0415 - see above

        self.names: Any = qtyping.TFLOperationName
        self.steps: Any = qtyping.QuantGranularity
        self.no_quantize = AlgorithmName.NO_QUANTIZE
        self.algorithms = {
            "minmax": AlgorithmName.MIN_MAX_UNIFORM_QUANT,
            "octav": AlgorithmName.OCTAV,
            "mse": AlgorithmName.MSE,
        }
        self.manager: Any = RecipeManager()
        self.activations, self.weights = activations, weights

    def rest(self) -> None:
        """Round all operators, and the input and the output."""
        self.manager.add_static_config(".*", self.names.ALL_SUPPORTED, self.activations, 8)

    def layer(self, layer: Layer, width: Width) -> None:
        """Round one layer, or leave it float."""
        operator = self.names("CONV_2D_TRANSPOSE" if layer.operator == "TRANSPOSE_CONV" else layer.operator)
        scope = f"^{re.escape(layer.scope)};?$"
        if width == "float":
            self.manager.add_quantization_config(scope, operator, algorithm_key=self.no_quantize)
            return
        int4 = width == "int4" and layer.operator in INT4_OPERATORS
        method = self.algorithms[self.weights]
        steps = self.steps.TENSORWISE if int4 and layer.operator in ONE_STEP else self.steps.CHANNELWISE
        self.manager.add_static_config(scope, operator, self.activations, 4 if int4 else 8, steps, method)
