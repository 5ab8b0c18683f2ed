"""The table of quantization schemes."""

from __future__ import annotations

from featherline.tasks.contracts.schemes import SCHEMES


def test_a_name_says_what_the_row_says():
    """`wi4` is half a byte a weight, `wi8` one; what is static has integer weights."""
    for scheme, facts in SCHEMES.items():
        assert ("wi4" not in scheme) or facts.weight_bytes == 0.5
        assert ("wi8" not in scheme) or facts.weight_bytes == 1
        assert facts.integer == (facts.weights != "float")
