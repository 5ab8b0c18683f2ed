"""The step cache: a result is found by what went into it, and a miss says what was different.

step, code, libraries, Python, machine, parameters, input digests, seed, external state ──► key
                                                              results/<step>/<key>.json ◄── key
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pydantic import ValidationError

from featherline.tasks.contracts.base import Contract, canonical_json, digest
from featherline.tasks.contracts.refusal import examples
from featherline.tasks.contracts.request import StepResult
from featherline.tasks.contracts.stored import OtherFormat
from featherline.tasks.running import makers
from featherline.tasks.running.code_closure import code_of, libraries_of
from featherline.tasks.store.artifacts import Store

NOTHING: Mapping[str, str] = {}


class Lack(Enum):
    """Why a result is not taken."""

    ABSENT = "no result under this key"
    UNREADABLE = "the result cannot be read"
    LOST = "the store lost a part of it"
    DAMAGED = "made again"


@dataclass(frozen=True)
class Hit:
    """A result that is complete, with its outputs."""

    result: StepResult
    outputs: Contract


@dataclass(frozen=True)
class Miss:
    """No result, and why, for people."""

    lack: Lack
    detail: str = ""

    def __str__(self) -> str:
        return self.detail or self.lack.value


def ingredients(
    step: str,
    inputs: Contract,
    params: Contract,
    *,
    seed: int,
    external_state: Mapping[str, str] = NOTHING,
    only_run: str = "",
) -> dict[str, Any]:
    """Return all that decides what a step gives.

    The image of a container is not among it: what an image changes of a result is the code, the libraries, Python or
    the machine, which are named here one by one, so that an image that was built anew finds what the last one made.
    The machine counts because kernels add floats in the order of its vectors, and because latency is measured on it.

    Args:
        step: Its name.
        inputs: Only the digests of artifacts count, not where they lie.
        params: Resolved, so that a default that changes is a miss.
        seed: Of the step.
        external_state: What the step reads outside its inputs, by name.
        only_run: The run whose results alone are taken; empty where those of every run are.
    """
    return {
        "step": step,
        "code": code_of(step),
        "libraries": libraries_of(step),
        "python": ".".join(map(str, sys.version_info[:2])),
        "machine": platform.machine(),
        "params": params.model_dump(mode="json"),
        "inputs": _without_places(inputs.model_dump(mode="json")),
        "seed": seed,
        "external_state": dict(external_state),
        "only_run": only_run,
    }


def key_of(parts: dict[str, Any]) -> str:
    """Return the cache key of these ingredients."""
    return digest(canonical_json(parts))


def result_key(step: str, key: str) -> str:
    """Return where a result lies in the store."""
    return f"results/{step}/{key}.json"


def find(store: Store, step: str, key: str, outputs: type[Contract]) -> Hit | Miss:
    """Return a result that is complete, or the reason why there is none.

    A result counts only when every artifact that it names is there, also those that its documents name.
    """
    data = store.blobs.read(result_key(step, key))
    if data is None:
        return Miss(Lack.ABSENT)
    try:
        result = StepResult.from_json(data)
        given = outputs.model_validate(result.outputs)
    except ValidationError as error:
        return _unreadable(error.errors()[0]["msg"])
    except OtherFormat as other:
        return _unreadable(other.problems[0].got)
    if (result.step, result.key) != (step, key) or not makers.is_as_written(store, step, key, data):
        return _unreadable("it is not what the step wrote")
    gone = list(store.lost(given))
    if gone:
        return Miss(Lack.LOST, f"the store lost {examples(f'{ref.kind} {ref.sha256[:12]}' for ref in gone)}")
    return Hit(result, given)


def reasons(store: Store, owner: str, parts: dict[str, Any], miss: Miss) -> tuple[str, ...]:
    """Say why a step runs: what was different the last time where nothing is there, else what is wrong with it."""
    return explain(store, owner, parts) if miss.lack is Lack.ABSENT else (str(miss),)


def explain(store: Store, owner: str, parts: dict[str, Any]) -> tuple[str, ...]:
    """Say what is different from the last time that `owner` (a step of a recipe) ran, most telling first."""
    data = store.blobs.read(f"keys/{owner}.json")
    if data is None:
        return ("it never ran here before",)
    try:
        before = json.loads(data)
        return differences(before, parts) or ("its result is gone from the store",)
    except (ValueError, RecursionError):
        return ("what it was made of the last time cannot be read",)


def differences(before: Any, now: Any) -> tuple[str, ...]:  # noqa: ANN401 - JSON
    """Say what was different, a sentence each, by the paths of the leaves."""
    was, is_ = _flat(before), _flat(now)
    changed = [name for name in sorted(was | is_) if was.get(name) != is_.get(name)]
    return tuple(f"{name} was {_short(was.get(name))}, is {_short(is_.get(name))}" for name in changed)


def keep(store: Store, result: StepResult, outputs: type[Contract]) -> bool:
    """Write a result under its key. Of two runs that did the same work at once, the first one's stays.

    A result that cannot be used any more (it is damaged, or lost an artifact) is replaced.

    Returns:
        Whether it was written.
    """
    key = result_key(result.step, result.key)
    if store.blobs.create(key, result.to_json()):
        return True
    if isinstance(find(store, result.step, result.key, outputs), Miss):
        store.blobs.replace(key, result.to_json())
        return True
    return False


def remember(store: Store, owner: str, parts: dict[str, Any]) -> None:
    """Keep the ingredients, so that the next miss can be explained."""
    store.blobs.replace(f"keys/{owner}.json", canonical_json(parts))


def _unreadable(why: str) -> Miss:
    return Miss(Lack.UNREADABLE, f"{Lack.UNREADABLE.value}: {why}")


def _without_places(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {
            name: _without_places(item) for name, item in value.items() if not (name == "uri" and "sha256" in value)
        }
    if isinstance(value, list):
        return [_without_places(item) for item in value]
    return value


def _flat(value: Any, path: str = "") -> dict[str, Any]:  # noqa: ANN401 - JSON
    if isinstance(value, dict) and value:
        return {name: leaf for key, item in value.items() for name, leaf in _flat(item, f"{path}.{key}").items()}
    if isinstance(value, list) and value:
        return {name: leaf for key, item in enumerate(value) for name, leaf in _flat(item, f"{path}.{key}").items()}
    return {path.removeprefix("."): value}


def _short(value: Any) -> str:  # noqa: ANN401 - JSON
    text = "absent" if value is None else str(value)
    return text if len(text) <= 24 else f"{text[:12]}…"  # noqa: PLR2004 - a digest is known by its start
