"""The recipe's JSON Schema in docs/ is the one that the contract gives."""

from __future__ import annotations

from tools.write_schema import SCHEMA, render


def test_the_schema_in_docs_is_current():
    """`make schema` was run after the last change of the contract."""
    assert SCHEMA.read_text() == render()
