"""Reading recipes: YAML, overrides, environment variables, and the contract that refuses what it does not know."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from featherline.tasks.contracts.base import strictly
from featherline.tasks.contracts.candidate import TAUGHT
from featherline.tasks.contracts.device import Device
from featherline.tasks.contracts.keys import keys_of
from featherline.tasks.contracts.recipe import Recipe, known_keys
from featherline.tasks.contracts.refusal import did_you_mean, from_validation, refuse
from featherline.tasks.contracts.tree import check_tree
from featherline.tasks.planning.overrides import override
from featherline.tasks.planning.recipe_checks import WRITTEN_IN, check_candidates
from featherline.tasks.planning.yaml_text import MOST_BYTES, mapping_of, read_yaml

VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


def read_recipe(
    folder: Path, name: str, overrides: dict[str, Any], teacher_of: Callable[[str], str] | None = None
) -> Recipe:
    """Read `<folder>/<name>.yaml`, apply overrides, fill in environment variables, and check all of it.

    Args:
        folder: Of the recipes.
        name: Of the file, without `.yaml`.
        overrides: Values by dotted key, such as `{"train.epochs": 3}`. None removes a key, such as a candidate.
        teacher_of: Says where the model of a registered version lies, from `models:/…`; absent, that stays as written.

    Raises:
        Refused: There is no such recipe, or a key or value of it is wrong; every wrong one at once, candidates too.
    """
    who = f"recipe {name}"
    raw = _read(folder, name, "recipe")
    check_tree(overrides, who, WRITTEN_IN)
    for key, value in overrides.items():
        override(raw, key, value)
    check_tree(raw, who, WRITTEN_IN)
    _fill_in(raw, teacher_of)
    try:
        recipe = strictly(Recipe, raw)
    except ValidationError as error:
        raise from_validation(who, error, known_keys(), written_in=WRITTEN_IN, given=raw) from None
    check_candidates(recipe)
    return recipe


def read_device(folder: Path, name: str) -> Device:
    """Read `<folder>/devices/<name>.yaml`. Raises `Refused` where it is absent or wrong."""
    raw = _read(folder / "devices", name, "device")
    written_in = str(folder / "devices" / f"{name}.yaml")
    check_tree(raw, f"device {name}", written_in)
    try:
        return strictly(Device, raw)
    except ValidationError as error:
        raise from_validation(f"device {name}", error, keys_of(Device), written_in=written_in, given=raw) from None


def _read(folder: Path, name: str, what: str) -> dict[str, Any]:
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in known:
        raise refuse(
            f"there is no {what} {name}",
            expected=f"a file of {folder}",
            got=name,
            fix=did_you_mean(name, known)
            if known
            else f"set FEATHERLINE_RECIPES to the folder that holds {folder.name}",
        )
    who, place = f"{what} {name}", f"{name}.yaml"
    return mapping_of(read_yaml(_bytes(folder / place, who), who, place), who, place)


def _bytes(path: Path, who: str) -> bytes:
    """Return what lies in a file, and one byte more than is allowed of a larger one; a pipe would never end."""
    try:
        if not path.is_file():
            raise refuse(
                f"{who} cannot be read", expected="a file", got=f"{path}: none", fix="put the recipe's text there"
            )
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise refuse(
            f"{who} cannot be read",
            expected="a file that this account may read",
            got=f"{error.strerror}: {path}",
            fix=f"correct the file or its mode (chmod a+r {shlex.quote(str(path))})",
        ) from None


def _fill_in(raw: dict[str, Any], teacher_of: Callable[[str], str] | None) -> None:
    """Replace `${NAME}` where something of the machine is named (the data source, the model file, teachers).

    A teacher that is a registered version is replaced by its model, so that a run does not change when an alias moves.
    """
    for section, key in (("data", "source"), ("model", "file")):
        holder = raw.get(section)
        if isinstance(holder, dict) and isinstance(holder.get(key), str):
            holder[key] = _filled(holder[key], f"{section}.{key}")

    def teacher(text: str, place: str) -> str:
        text = _filled(text, place)
        return teacher_of(text) if teacher_of and text.startswith("models:") else text

    candidates = raw.get("candidates")
    for name, candidate in candidates.items() if isinstance(candidates, dict) else ():
        for step in TAUGHT:
            if isinstance(candidate, dict):
                _fill_teachers(candidate.get(step), f"candidates.{name}.{step}.teacher", teacher)


def _fill_teachers(section: Any, place: str, teacher: Callable[[str, str], str]) -> None:  # noqa: ANN401 - YAML
    """Replace the teachers of a step, also where it, or the teacher, is `{search: [...]}`."""
    for one in _each(section):
        given = one.get("teacher") if isinstance(one, dict) else None
        several = _each(given)
        several[:] = [teacher(each, place) if isinstance(each, str) else each for each in several]
        if isinstance(given, str):
            one["teacher"] = several[0]


def _each(section: Any) -> list[Any]:  # noqa: ANN401 - YAML
    """Return the values of a `{search: [...]}`, or the section itself."""
    searched = section.get("search") if isinstance(section, dict) else None
    return searched if isinstance(searched, list) else [section]


def _filled(text: str, place: str) -> str:
    for name in VARIABLE.findall(text):
        if name not in os.environ:
            raise refuse(
                f"the recipe needs {place}",
                expected=f"the environment variable {name}",
                got="nothing",
                fix=f"set {name} where the steps run, or override {place}",
            )
    return VARIABLE.sub(lambda match: os.environ[match[1]], text)
