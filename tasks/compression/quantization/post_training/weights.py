"""Weights alone as integers, by litert-quantizer; activations, input and output stay float. No image is looked at.

float file ──► dynamic_int4: int4 weights, activations rounded while it runs ──► file
           ├─► weights_int8: int8 weights, turned back into float before each layer ──► file
           └─► weights_int4: the same from four bits ──► file
"""

from __future__ import annotations

from typing import Literal

from featherline.tasks.litert import flatbuffer, versions

WeightScheme = Literal["dynamic_int4", "weights_int8", "weights_int4"]

RECIPES: dict[WeightScheme, str] = {
    "dynamic_int4": "dynamic_wi4_afp32",
    "weights_int8": "weight_only_wi8_afp32",
    "weights_int4": "weight_only_wi4_afp32",
}
"""By their names in `litert_quantizer.recipe`."""


def with_integer_weights(file: bytes, scheme: WeightScheme) -> bytes:
    """Return a float file, whose tensors still have their names, with the weights of its layers as integers."""
    from litert_quantizer import recipe  # noqa: PLC0415 - a second that other schemes do not pay
    from litert_quantizer.quantizer import Quantizer  # noqa: PLC0415 - the same

    made = Quantizer(file, getattr(recipe, RECIPES[scheme])()).quantize(enable_progress_report=False).quantized_model
    model = flatbuffer.unpack(bytes(made))
    versions.stamp(model)
    return flatbuffer.pack(model)
