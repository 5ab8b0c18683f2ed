"""What each quantization scheme is: one row a scheme, which planning, export and the dry run read.

A new scheme is a name in `contracts/model.py` and a row here; how each way makes a file is in
`compression/quantization/post_training/schemes.py`.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from featherline.tasks.contracts.model import Scheme, Width

Activations = Literal[8, 16]
"""Bits of an activation where a file computes with integers; 16 are symmetric around zero."""


class SchemeFacts(NamedTuple):
    """What a scheme is."""

    made_by: Literal["converter", "weights", "static", "mixed"]
    """`converter`: TensorFlow's. The rest by litert-quantizer from the float file: `weights` alone, by its recipe of
    the scheme's name; `static` integers throughout; `mixed`, each layer at the width that its sensitivity allows."""
    weight_bytes: float
    """Of one weight; what a size is estimated by before there is a file."""
    weights: Width = "float"
    """Of a static file."""
    activations: Activations = 8
    """Of a static file."""
    lossless: bool = False
    """Whether the file must be as good as its model."""
    qat: bool = False
    """Whether a model can be trained with its rounding in the loop."""

    @property
    def integer(self) -> bool:
        """Return whether a file computes with integers throughout."""
        return self.made_by == "static"


SCHEMES: dict[Scheme, SchemeFacts] = {
    "float32": SchemeFacts("converter", 4, lossless=True),
    "float16": SchemeFacts("converter", 2, lossless=True),
    "dynamic_wi8_afp32": SchemeFacts("converter", 1),
    "dynamic_wi4_afp32": SchemeFacts("weights", 0.5),
    "weight_only_wi8_afp32": SchemeFacts("weights", 1),
    "weight_only_wi4_afp32": SchemeFacts("weights", 0.5),
    "int8": SchemeFacts("static", 1, weights="int8", qat=True),
    "int16x8": SchemeFacts("static", 1, weights="int8", activations=16),
    "static_wi4_ai8": SchemeFacts("static", 0.5, weights="int4", qat=True),
    "static_wmixed_ai8": SchemeFacts("mixed", 0.5),
}
