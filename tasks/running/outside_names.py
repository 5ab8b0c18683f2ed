"""What a request names outside the store, and whether the recipe of the run names it too.

    plan's result, a record under made/ ──► builder, model file, teacher, data ──► in the recipe? ──► no: refused

Whoever can write the store can plant either. A module that is imported by a name, or a place that is read with this
machine's rights, is therefore taken from the recipe alone, which is known by its digest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from featherline.tasks.contracts.base import Contract, digest
from featherline.tasks.contracts.refusal import Problem, Refused, refuse
from featherline.tasks.running.context import Context

PLACES = ("file", "source", "teacher")
BUNDLED = "digits"


def outside_names(parameters: object) -> tuple[str, ...]:
    """Return the modules, files and places that parameters name, and the words that a module's function is given."""
    return tuple(sorted(set(_names(parameters))))


def check_names(step: str, params: Contract, context: Context) -> None:
    """Refuse what stands in no recipe. Who calls a step by hand names no recipe, and is asked for none.

    Raises:
        Refused: The recipe does not name it, or is gone from the store.
    """
    sha256 = context.requester.recipe_sha256
    names = outside_names(params.model_dump(mode="json"))
    if sha256 is None or not names:
        return
    known = _recipe(context, sha256)
    unknown = [name for name in names if name not in known]
    if unknown:
        raise Refused(
            *(
                Problem(
                    f"{step} does not take {name}",
                    f"a builder, a file or a place that the recipe of this run names ({sha256[:12]})",
                    "a request that names another",
                    "find out who wrote it into the store; then start a run with ignore_cache, which takes no result"
                    " of earlier ones",
                )
                for name in unknown
            )
        )


def _recipe(context: Context, sha256: str) -> set[str]:
    data = context.store.blobs.read(f"artifacts/{sha256}")
    if data is None or digest(data) != sha256:
        data = context.store.blobs.read(recipe_key(context.requester.run_id))
    if data is None or digest(data) != sha256:
        raise refuse(
            f"the recipe of run {context.requester.run_id} is gone from the store",
            expected=f"{context.store.uri}/artifacts/{sha256}",
            got="nothing that hashes to it",
            fix="clear resolve with what follows it: it writes the recipe anew, and what has not changed is a hit",
        )
    return set(_words(json.loads(data)))


def recipe_key(run_id: str) -> str:
    """Return where `resolve` keeps a second copy of a run's recipe."""
    return f"runs/{run_id}/recipe.json"


def _names(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _names(item)
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        if key in PLACES:
            yield from (word for word in _words(item) if word != BUNDLED)
        elif key == "builder":
            own = [word for word in _words(item) if ":" in word]
            yield from own
            if own:
                yield from _words(value.get("options"))
        else:
            yield from _names(item)


def _words(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    if isinstance(value, str):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _words(item)
