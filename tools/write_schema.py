"""Write what is said of recipes from their contracts: the JSON Schema for editors, and the tables of docs/recipes.md.

python -m tools.write_schema
"""

from __future__ import annotations

import json
from pathlib import Path

from featherline.tasks.contracts.recipe import Recipe
from tools.recipe_tables import PAGE, with_tables

SCHEMA = Path(__file__).parent.parent / "docs" / "recipe.schema.json"


def render() -> str:
    """Return the schema as JSON text with two spaces of indentation and a final newline."""
    return json.dumps(Recipe.model_json_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(render())
    PAGE.write_text(with_tables(PAGE.read_text()))
    print(f"wrote {SCHEMA} and the tables of {PAGE}")
