"""The tables of a recipe's keys in docs/recipes.md, from the contracts' descriptions.

    <!-- keys: candidates.*.prune -->    a table of that section, written by tools/write_schema.py
    <!-- /keys -->

What a description says is not said again beside the table.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from featherline.tasks.contracts.base import Contract
from featherline.tasks.contracts.candidate import Candidate
from featherline.tasks.contracts.device import Device
from featherline.tasks.contracts.keys import contracts_in
from featherline.tasks.contracts.recipe import Recipe

PAGE = Path(__file__).parent.parent / "docs" / "recipes.md"
MARKED = re.compile(r"(<!-- keys: (?P<path>[^ ]+) -->\n)(?:.*?\n)??(<!-- /keys -->)", re.DOTALL)

WORDS = {"boolean": "`true`, `false`", "integer": "whole number", "number": "number", "string": "text"}
"""What the types of a JSON Schema are called here."""


def with_tables(page: str) -> str:
    """Return a page with the table of each marked section written anew."""
    return MARKED.sub(lambda match: f"{match[1]}{table(match['path'])}{match[3]}", page)


def table(path: str) -> str:
    """Return the keys of a section as a table: what each takes, its default, and what it is.

    Raises:
        KeyError: There is no such section.
    """
    contract = section(path)
    schema = contract.model_json_schema()
    shown = path.removeprefix("candidates.*.")
    lines = [f"| key of `{shown}` | takes | default | says |", "|---|---|---|---|"]
    for key, value in schema["properties"].items():
        default = _default(value, required=key in schema.get("required", ()))
        says = _says(value, schema.get("$defs", {})).replace("|", "\\|")
        lines.append(f"| `{key}` | {_takes(value, schema.get('$defs', {}))} | {default} | {says} |")
    return "\n".join([*lines, ""])


def section(path: str) -> type[Contract]:
    """Return the contract of a section by its dotted path in a recipe; `candidates.*` is any candidate."""
    contract: type[Contract] = Recipe
    keys = path.split(".")
    if keys[:2] == ["candidates", "*"]:
        contract, keys = Candidate, keys[2:]
    elif keys[0] == "device":
        contract, keys = Device, keys[1:]
    for key in keys:
        contract = next(found for found, _ in contracts_in(contract.model_fields[key].annotation))
    return contract


def _default(value: dict[str, Any], *, required: bool) -> str:
    if required:
        return "required"
    default = value.get("default")
    if default is None:
        return ""
    return "" if isinstance(default, dict) or default == "" else f"`{json.dumps(default, ensure_ascii=False)}`"


def _says(value: dict[str, Any], contracts: dict[str, Any]) -> str:
    """Return the description of a key; that of its section where it has none of its own."""
    whole = contracts.get(str(value.get("$ref", "")).rpartition("/")[2], {})
    return str(value.get("description") or whole.get("description", "")).partition("\n")[0]


def _takes(value: dict[str, Any], contracts: dict[str, Any]) -> str:
    """Return in words what a key takes."""
    if "$ref" in value:
        return _takes(contracts[value["$ref"].rpartition("/")[2]], contracts)
    branches = value.get("anyOf") or value.get("oneOf")
    if branches:
        several = dict.fromkeys(_takes(one, contracts) for one in branches if one.get("type") != "null")
        return " or ".join(several)
    if "enum" in value or "const" in value:
        return ", ".join(f"`{one}`" for one in value.get("enum", [value.get("const")]))
    return _by_type(value, contracts)


def _by_type(value: dict[str, Any], contracts: dict[str, Any]) -> str:
    kind = value.get("type", "")
    if kind == "array" and "prefixItems" in value:
        each = [_takes(one, contracts) for one in value["prefixItems"]]
        return f"list of {len(each)}: {', '.join(dict.fromkeys(each))}"
    if kind == "array":
        return f"list: {_takes(value['items'], contracts)}"
    if kind == "object":
        return "section" if "properties" in value else "mapping"
    return f"{WORDS[kind]}{_bounds(value)}"


def _bounds(value: dict[str, Any]) -> str:
    least, most = value.get("minimum"), value.get("maximum")
    above, below = value.get("exclusiveMinimum"), value.get("exclusiveMaximum")
    if least is not None and most is not None:
        return f", {least:,} to {most:,}"
    bounds = (("above", above), ("from", least), ("below", below), ("up to", most))
    words = [f"{word} {bound:,}" for word, bound in bounds if bound is not None]
    return f", {', '.join(words)}" if words else ""
