"""What is said of recipes in docs/ is what their contracts say: the JSON Schema, and the tables of keys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from featherline.tasks.contracts.base import Contract
from featherline.tasks.contracts.candidate import Candidate
from featherline.tasks.contracts.keys import contracts_in
from featherline.tasks.contracts.recipe import Recipe
from tools.recipe_tables import MARKED, PAGE, section, table, with_tables
from tools.write_schema import SCHEMA, render

ELSEWHERE = {Candidate, *(found for found, _ in contracts_in(Candidate.model_fields["auto"].annotation))}
"""Of no section that a person writes."""


WHOLE = {"Recipe", "Candidates", "CandidateTemplate", "Architecture", "OwnPreprocessing", "Budget"}
"""Sections that the page shows by example, or as the budget of a device."""


def sections(contract: type[Contract]) -> Iterator[type[Contract]]:
    """Yield a contract and all that it holds."""
    yield contract
    for field in contract.model_fields.values():
        for found, _ in contracts_in(field.annotation):
            yield from sections(found)


def test_the_schema_in_docs_is_current():
    """`make schema` was run after the last change of the contract."""
    assert SCHEMA.read_text() == render()


def test_the_tables_in_docs_are_current():
    """`make schema` wrote them, and nobody since."""
    assert with_tables(PAGE.read_text()) == PAGE.read_text()


def test_every_section_has_a_table():
    """What can be written into a recipe is in one of them, or is shown whole as a recipe or a candidate."""
    shown = {section(match["path"]) for match in MARKED.finditer(PAGE.read_text())}
    every = {each for root in (Recipe, Candidate) for each in sections(root)}

    missing = {
        each.__name__
        for each in every - ELSEWHERE
        if not any(issubclass(each, one) or issubclass(one, each) for one in shown)
    } - WHOLE

    assert missing == set()


def test_every_key_says_what_it_is():
    """A table with an empty cell in its last column would say nothing that the key does not."""
    rows = [row for match in MARKED.finditer(PAGE.read_text()) for row in table(match["path"]).splitlines()]

    assert [row for row in rows if row.endswith("|  |")] == []


def test_a_table_says_what_a_key_takes_its_default_and_what_it_is():
    """A bound, a choice and a text; what has no default is required."""
    rows = table("search.filter").splitlines()

    assert (
        rows[2]
        == "| `by` | `parameters`, `synflow`, `naswot` | required | A score of the untrained network; more is better. |"
    )
    assert rows[3].startswith("| `keep` | number, above 0, up to 1 | `0.5` |")


def test_a_section_that_is_none_has_no_table():
    """A misspelt marker is an error, not an empty table."""
    with pytest.raises(KeyError):
        table("candidates.*.prun")
