"""Overrides: a value of a recipe by its dotted key, from the command line or from Airflow's form."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from featherline.tasks.contracts.refusal import did_you_mean, refuse
from featherline.tasks.contracts.renamed import renamed
from featherline.tasks.contracts.safe_text import visible
from featherline.tasks.contracts.tree import DEEPEST
from featherline.tasks.planning.yaml_text import read_yaml

EXAMPLE = 'write it like --set train.epochs=3 or --set "candidates.int8=null"'


def settings(given: Sequence[str]) -> dict[str, Any]:
    """Read `a.b=c` settings. The value is YAML: 3 is a number, `{method: none}` a mapping, null removes the key.

    Raises:
        Refused: One of them has no key, its value is no YAML, or a key is given twice.
    """
    changed: dict[str, Any] = {}
    for setting in given:
        key, sign, text = setting.partition("=")
        key = key.strip()
        if not (key and sign):
            raise refuse(
                f"--set cannot take {setting}",
                expected="KEY=VALUE, a dotted key of the recipe and a YAML value",
                got=setting,
                fix=EXAMPLE,
            )
        if key in changed:
            raise refuse(f"--set has {key} twice", expected="each key once", got=setting, fix="take one of them away")
        changed[key] = read_yaml(text, f"the value of --set {visible(key)}", "--set")
    return changed


def override(raw: dict[str, Any], key: str, value: Any) -> None:  # noqa: ANN401 - YAML
    """Put a value at a dotted key, None to take the key away.

    Raises:
        Refused: The key leads through something that is no section, or takes a candidate away that is not there.
    """
    *parents, last = parts = key.split(".")
    if not all(parts) or len(parts) > DEEPEST:
        raise refuse(
            f"the override {key} names nothing",
            expected="a dotted key of the recipe, such as train.epochs",
            got=key,
            fix="correct the key",
        )
    place: Any = raw
    for depth, part in enumerate(parents):
        if place.get(part) is None:
            place[part] = {}
        place = place[part]
        if not isinstance(place, dict):
            raise refuse(
                f"the override {key} leads nowhere",
                expected=f"{'.'.join(parents[: depth + 1])} to be a section",
                got=repr(place),
                fix="correct the key, or override the whole value",
            )
    if value is not None:
        place[last] = value
    elif last in place:
        del place[last]
    elif now := renamed(last, place):
        raise refuse(
            f"the override {key} takes nothing away",
            expected="a key of the recipe",
            got=last,
            fix=f"did you mean {now}?",
        )
    elif parents == ["candidates"]:
        raise refuse(
            f"the override {key} takes nothing away",
            expected="the name of a candidate of the recipe",
            got=last,
            fix=did_you_mean(last, place) if place else "leave it out",
        )
