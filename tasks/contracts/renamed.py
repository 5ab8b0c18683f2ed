"""What keys and values of recipes, devices and steps were called before, so that an old one is refused with the new.

No old name is read: two names for one thing would be two ways to ask for it. A new name is told where the place that
the old one stands at knows it, so `macs` of a device's budget is no old name. CHANGELOG.md has the same as a table.
"""

from __future__ import annotations

from collections.abc import Iterable

RENAMED: dict[str, tuple[str, ...]] = {
    "accuracy": ("quality",),
    "aware": ("qat",),
    "recalibration_images": ("recalibration_examples",),
    "min_images": ("min_examples",),
    "max_leaked_images": ("max_leaked_examples",),
    "min_class_fraction": ("min_stratum_fraction",),
    "min_calibration_per_class": ("min_calibration_per_stratum",),
    "max_class_drift": ("max_strata_drift",),
    "max_pixel_drift": ("max_input_drift",),
    "images": ("examples",),
    "knowledge": ("distillation",),
    "ladder": ("fallback_ladder",),
    "latency": ("keep_latency",),
    "macs": ("keep_macs",),
    "max_class_drop": ("max_slice_drop",),
    "min_accuracy": ("min_quality",),
    "min_class_recall": ("min_slice_quality",),
    "parameters": ("keep_parameters",),
    "size": ("keep_size",),
    "views": ("cached_augmentations",),
    "dynamic": ("dynamic_wi8_afp32",),
    "dynamic_int4": ("dynamic_wi4_afp32",),
    "int4": ("static_wi4_ai8",),
    "mixed": ("static_wmixed_ai8",),
    "none": ("float32",),
    "weights_int4": ("weight_only_wi4_afp32",),
    "weights_int8": ("weight_only_wi8_afp32",),
}
"""By the old name; several new ones where it became another in each place."""


def renamed(word: str, known: Iterable[str]) -> str | None:
    """Return what is now called otherwise, by the name that is known in its place; None of any other word."""
    names = set(known)
    return next((new for new in RENAMED.get(word, ()) if new in names), None)
