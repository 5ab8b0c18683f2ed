"""What other tools do, and with which numbers; how they do it is in `rivals.py`, which imports them."""

from __future__ import annotations

from typing import Any, NamedTuple

CALIBRATION_IMAGES = 500
BATCH = 128
PRUNING_EPOCHS, PRUNING_RATE = 5, 0.01
QAT_EPOCHS, QAT_RATE = 2, 0.005
SPARSITY = 0.8


class Rival(NamedTuple):
    """Another tool's way."""

    title: str
    parameters: dict[str, Any]
    minutes: float
    """That one core took when it was last made."""
    scheme: str = "int8"
    """Of its file, as Featherline calls it."""


CALIBRATION = {"calibration_images": CALIBRATION_IMAGES}
RIVALS = {
    "converter-int8": Rival("TFLiteConverter, int8", CALIBRATION, 1),
    "quantizer-static-int8": Rival("litert-quantizer, static int8", CALIBRATION, 1),
    "quantizer-dynamic-int8": Rival("litert-quantizer, dynamic int8", {}, 1, "dynamic_wi8_afp32"),
    "tfmot-pruned80-int8": Rival(
        "TFMOT, 80 % zeros, int8",
        CALIBRATION | {"sparsity": SPARSITY, "epochs": PRUNING_EPOCHS, "rate": PRUNING_RATE, "batch": BATCH},
        24,
    ),
    "tfmot-qat-int8": Rival(
        "TFMOT, trained for int8", CALIBRATION | {"epochs": QAT_EPOCHS, "rate": QAT_RATE, "batch": BATCH}, 17
    ),
}
