"""The keys that a contract takes, section by section, so that a typo is answered with the key that was meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args, get_origin

from featherline.tasks.contracts.base import Contract


def keys_of(contract: type[Contract]) -> dict[str, list[str]]:
    """Return the keys of each section by its dotted path: `""` for the top, `*` for any name."""
    keys: dict[str, list[str]] = {}
    _collect(contract, "", keys, ())
    return keys


def contracts_in(annotation: Any) -> Iterator[tuple[type[Contract], str]]:  # noqa: ANN401 - a type as it is written
    """Yield the contracts that a value may be, and what leads to them: `*` through a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, Contract):
        yield annotation, ""
    elif get_origin(annotation) is dict:
        yield from ((contract, "*") for contract, _ in contracts_in(get_args(annotation)[1]))
    else:
        for part in get_args(annotation):
            yield from contracts_in(part)


def _collect(
    contract: type[Contract], path: str, found: dict[str, list[str]], above: tuple[type[Contract], ...]
) -> None:
    keys = found.setdefault(path, [])
    keys += [name for name in contract.model_fields if name not in keys]
    for name, field in contract.model_fields.items():
        for kind, through in contracts_in(field.annotation):
            if kind not in above:  # a contract that holds itself has no end
                here = ".".join(part for part in (path, name, through) if part)
                _collect(kind, here, found, (*above, contract))
