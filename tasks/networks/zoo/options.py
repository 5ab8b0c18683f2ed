"""Checks of builder options, all broken ones at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from featherline.tasks.contracts.refusal import Problem, Refused

LARGEST = 4096
"""A network of more layers, or of wider ones, would be built for hours and fit no device."""
LONGEST = 256
"""Numbers in a list."""
KERNELS = (3, 5)
"""Sides of the kernels that the families for a search vary: those that phones and microcontrollers are tuned for."""


class Options:
    """Collects what is wrong with the options of one builder."""

    def __init__(self, builder: str) -> None:
        """Speak for this builder."""
        self.builder = builder
        self.problems: list[Problem] = []

    def require(self, name: str, value: object, *, holds: bool, expected: str, fix: str = "") -> None:
        """Note a problem with the option `name` unless the rule holds."""
        if not holds:
            what = f"{self.builder} cannot be built with {name}"
            self.problems.append(Problem(what, expected, repr(value), fix or f"correct {name} of the architecture"))

    def whole(self, name: str, value: object, *, least: int = 1, multiple: int = 1) -> bool:
        """Require a whole number from `least` to `LARGEST` that `multiple` divides. Returns whether it is one."""
        holds = type(value) is int and least <= value <= LARGEST and value % multiple == 0
        step = f", a multiple of {multiple}" if multiple > 1 else ""
        expected = f"a whole number of at least {least}{step}"
        if type(value) is int and value > LARGEST:
            expected = f"a whole number of at most {LARGEST}{step}"
        self.require(name, value, holds=holds, expected=expected)
        return holds

    def wholes(self, name: str, values: object, *, least: int = 1, multiple: int = 1) -> bool:
        """Require a list of such numbers, at least one. Returns whether it is one."""
        is_list = isinstance(values, Sequence) and not isinstance(values, str) and 0 < len(values) <= LONGEST
        self.require(name, values, holds=is_list, expected=f"a list of whole numbers, 1 to {LONGEST} of them")
        if not isinstance(values, Sequence) or isinstance(values, str) or len(values) > LONGEST:
            return False
        numbered = [
            self.whole(f"{name}[{index}]", value, least=least, multiple=multiple) for index, value in enumerate(values)
        ]
        return is_list and all(numbered)

    def one_of(self, name: str, value: object, choices: Iterable[object]) -> None:
        """Require one of the choices, and of their type: True is not 1."""
        holds = any(value == choice and type(value) is type(choice) for choice in choices)
        self.require(name, value, holds=holds, expected=" or ".join(str(choice) for choice in choices))

    def check(self) -> None:
        """Raise `Refused` with every problem noted, if there is any."""
        if self.problems:
            raise Refused(*self.problems)
