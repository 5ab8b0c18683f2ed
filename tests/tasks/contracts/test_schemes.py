"""The table of quantization schemes."""

from __future__ import annotations

from typing import get_args

from featherline.tasks.contracts.model import Scheme
from featherline.tasks.contracts.schemes import SCHEMES


def test_every_scheme_has_a_row():
    """What a recipe may name is what the table has."""
    assert set(SCHEMES) == set(get_args(Scheme))


def test_a_name_says_what_the_row_says():
    """`wi4` is half a byte a weight, `wi8` one; what is static has integer weights."""
    for scheme, facts in SCHEMES.items():
        assert ("wi4" not in scheme) or facts.weight_bytes == 0.5
        assert ("wi8" not in scheme) or facts.weight_bytes == 1
        assert facts.integer == (facts.weights != "float")
