"""Weights alone as integers, by litert-quantizer; activations, input and output stay float. No example is looked at.

float file ──► dynamic_wi4_afp32: int4 weights, activations rounded while it runs ──► file
           ├─► weight_only_wi8_afp32: int8 weights, turned back into float before each layer ──► file
           └─► weight_only_wi4_afp32: the same from four bits ──► file
"""

from __future__ import annotations

from featherline.tasks.contracts.model import Scheme
from featherline.tasks.litert import flatbuffer, versions


def with_integer_weights(file: bytes, scheme: Scheme) -> bytes:
    """Return a float file, whose tensors still have their names, with the weights of its layers as integers.

    A scheme has the name of its function in `litert_quantizer.recipe`.
    """
    from litert_quantizer import recipe  # noqa: PLC0415 - a second that other schemes do not pay
    from litert_quantizer.quantizer import Quantizer  # noqa: PLC0415 - the same

    made = Quantizer(file, getattr(recipe, scheme)()).quantize(enable_progress_report=False).quantized_model
    model = flatbuffer.unpack(bytes(made))
    versions.stamp(model)
    return flatbuffer.pack(model)
