"""Refusal: the input is wrong and a retry cannot help."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING, Any

from featherline.tasks.contracts.renamed import renamed
from featherline.tasks.contracts.safe_text import LONGEST_LINE_SHOWN, LONGEST_NAME_SHOWN, visible

if TYPE_CHECKING:
    from pydantic import ValidationError

MOST_EXAMPLES = 5
"""A rule broken a thousand times is shown this many times."""
MOST_ERRORS = 100
"""Of pydantic are looked at; a wrong value of a union has one for each of its branches."""
MOST_PROBLEMS = 20
"""Of a refusal are told; a file in which everything is wrong is not told line by line."""


@dataclass(frozen=True)
class Problem:
    """One broken rule, in the four parts of every message.

    Attributes:
        what: What was refused, by whom.
        expected: The rule, and where it is set.
        got: The value met, with its unit.
        fix: What a person can change.
    """

    what: str
    expected: str
    got: str
    fix: str

    def __str__(self) -> str:
        """Draw the problem as four aligned lines, in which foreign names are seen and not obeyed."""
        what, expected, got, fix = astuple(self.shown())
        return f"{what}\n  expected  {expected}\n  got       {got}\n  fix       {fix}"

    def shown(self) -> Problem:
        """Return the problem with each part one visible line: fit for a terminal, a log, and for JSON in UTF-8."""
        return Problem(*(visible(part, LONGEST_LINE_SHOWN) for part in astuple(self)))


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not an error of the program
    """The step refuses its input: exit 65, no retry, the message on stdout. Carries every broken rule at once."""

    def __init__(self, *problems: Problem) -> None:
        """Refuse for these problems, at least one.

        Raises:
            ValueError: There is no problem.
        """
        if not problems:
            message = "a refusal needs at least one problem"
            raise ValueError(message)
        more = len(problems) - MOST_PROBLEMS
        told = [str(problem) for problem in problems[:MOST_PROBLEMS]]
        super().__init__("\n".join(told if more <= 0 else [*told, f"and {more:,} more of the kind"]))
        self.problems = problems


class OutOfReach(Refused):
    """The store, and so nothing that the step was asked: what refuses one choice of several must not count this."""


class Unavailable(OutOfReach):
    """A server that did not answer while it was waited for: exit 75, and a retry may find it."""


def refuse(what: str, *, expected: str, got: str, fix: str) -> Refused:
    """Return a refusal for one broken rule, ready to raise."""
    return Refused(Problem(what, expected, got, fix))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `"did you mean X?"` for what a word is called now, or for the closest of `known`; or the known ones."""
    names = sorted(known)
    now = renamed(word, names)
    close = [now] if now else difflib.get_close_matches(word[:LONGEST_NAME_SHOWN], names, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(names)}"


def examples(items: Iterable[object]) -> str:
    """Join the first few items and say how many more there are."""
    every = [str(item) for item in items]
    more = len(every) - MOST_EXAMPLES
    return ", ".join(every[:MOST_EXAMPLES]) + (f" and {more} more" if more > 0 else "")


def from_validation(
    who: str,
    error: ValidationError,
    known: dict[str, list[str]] | None = None,
    *,
    written_in: str = "",
    given: object = None,
) -> Refused:
    """Turn pydantic's errors into a refusal, one problem for each wrong value.

    Args:
        who: Who refuses, such as `recipe digits`.
        error: What pydantic found.
        known: The keys that a section has, by the section's dotted path (`""` for the top, `*` for any name).
        written_in: Where a person corrects it, such as `the recipe, or its override`.
        given: What was validated: pydantic names the branches of a union as if they were keys, and only this tells
            them from keys that are there.
    """
    items = [item for item in error.errors(include_url=False) if not _follows(item)]
    problems: dict[str, Problem] = {}
    for item in items[:MOST_ERRORS]:
        problem = _problem(who, item, _path(item, given), known or {}, written_in)
        before = problems.get(problem.what)
        if before is None:
            problems[problem.what] = problem
        elif problem.expected not in before.expected.split(" or "):  # another branch of the same union
            problems[problem.what] = replace(before, expected=f"{before.expected} or {problem.expected}")
    told = list(problems.values())[:MOST_PROBLEMS]
    if len(items) > MOST_ERRORS:
        more = f"{len(items) - MOST_ERRORS:,} more"
        told.append(Problem(f"{who} has more to correct", "no wrong value", more, "correct those above first"))
    return Refused(*told)


def _follows(item: Any) -> bool:  # noqa: ANN401 - pydantic's own TypedDict
    """Return whether a list is too short only because what it holds is wrong, which is told by itself."""
    given = item["input"]
    return item["type"] == "too_short" and isinstance(given, list | tuple) and len(given) >= item["ctx"]["min_length"]


def _path(item: Any, given: object) -> list[Any]:  # noqa: ANN401 - pydantic's own TypedDict
    """Return the keys that lead to a wrong value, those that a person wrote."""
    if given is None:
        return list(item["loc"])
    path: list[Any] = []
    place = given
    for number, part in enumerate(item["loc"], start=1):
        is_key = isinstance(place, dict) and part in place
        is_place = isinstance(place, list | tuple) and isinstance(part, int) and part < len(place)
        if is_key or is_place:
            place = place[part]  # type: ignore[index] # one of the two
            path.append(part)
        elif number == len(item["loc"]) and item["type"] == "missing":
            path.append(part)
    return path


def _problem(who: str, item: Any, keys: list[Any], known: dict[str, list[str]], written_in: str) -> Problem:  # noqa: ANN401 - pydantic's own TypedDict
    path = ".".join(str(part) for part in keys)
    parent = ".".join(str(part) for part in keys[:-1] if not isinstance(part, int))
    last = str(keys[-1]) if keys else ""
    if item["type"] == "extra_forbidden":
        there = known.get(parent) or known.get(f"{parent.rpartition('.')[0]}.*")
        fix = did_you_mean(last, there) if there else f"remove {path}, or correct its name"
        return Problem(
            f"{who} has no key {path}", "only the keys of its JSON Schema (docs/recipe.schema.json)", last, fix
        )
    if item["type"] == "literal_error":
        values = [word.strip("'") for word in item["ctx"]["expected"].replace(" or ", ", ").split(", ")]
        expected = f"one of {', '.join(values)}"
        return Problem(
            f"{who} cannot take {path}", expected, str(item["input"]), did_you_mean(str(item["input"]), values)
        )
    if item["type"] == "missing":
        return Problem(f"{who} lacks {path}", f"a value for {path}", "nothing", f"add {path}")
    got = visible(repr(item["input"]), 80)
    fix = f"correct {path or 'it'} in {written_in}" if written_in else f"correct {path or 'it'}"
    what = f"{who} cannot take {path}" if path else f"{who} does not hold together"
    return Problem(what, _sentence(item["msg"]), got, fix)


def _sentence(message: str) -> str:
    for start in ("Value error, ", "Input should be "):
        message = message.removeprefix(start)
    return message
