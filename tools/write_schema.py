"""Write `docs/recipe.schema.json`, the JSON Schema of a recipe, for editors and for readers.

python tools/write_schema.py
"""

from __future__ import annotations

import json
from pathlib import Path

from featherline.tasks.contracts.recipe import Recipe

SCHEMA = Path(__file__).parent.parent / "docs" / "recipe.schema.json"


def render() -> str:
    """Return the schema as JSON text with two spaces of indentation and a final newline."""
    return json.dumps(Recipe.model_json_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(render())
    print(f"wrote {SCHEMA}")
