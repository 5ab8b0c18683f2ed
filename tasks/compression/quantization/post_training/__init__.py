"""Quantizing after training: from the float `.tflite` file to integers.

    float file, calibration examples ──► ranges ──► static ──► int8, int16x8, int4
                                         └──► mixed (sensitivity, then a greedy choice of widths)
    builds ──► fallback ladder ──► the first file that keeps its quality

The rounding itself is done by litert-quantizer; nothing here needs TensorFlow.
"""
