"""The tests lie as the tasks do: whoever changes `tasks/<room>/<file>.py` finds `tests/tasks/<room>/test_<file>.py`.

`test_<file>_<more>.py` is a test of that file too, `test_<room>.py` one of the folder `<room>`. Tests of what no room
has alone are in this folder, `across`.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[3]
TASKS, TESTS = ROOT / "tasks", ROOT / "tests" / "tasks"

TESTED_ELSEWHERE = {
    "contracts/problems": "what only one problem has is tested by that problem",
    "contracts/steps": "a step's contract is tested by its step",
    "judging/data": "the rules are tested by their step, validate_data, which makes the suite of them",
}
"""Rooms without a folder of tests, and why."""


def test_every_test_names_a_file_of_its_room():
    """A file that moved or was renamed takes its tests along."""
    lost = [
        str(test.relative_to(TESTS))
        for test in TESTS.rglob("test_*.py")
        if test.parent != TESTS / "across" and not _names_a_file(test)
    ]

    assert lost == []


def test_every_room_has_its_tests():
    """Or stands above with its reason; a room that has tests by now does not stand there."""
    rooms = {str(file.parent.relative_to(TASKS)) for file in TASKS.rglob("*.py") if file.name != "__init__.py"}
    without = {
        room
        for room in rooms - {"."}
        if not any((TESTS / room).rglob("test_*.py"))
        and not (TESTS / room).with_name(f"test_{Path(room).name}.py").exists()
    }

    assert without == set(TESTED_ELSEWHERE)


def test_what_belongs_to_one_file_is_not_here():
    """A test in `across` has the name of no file of the tasks: with it, it would be of that file's room."""
    names = {file.stem for file in TASKS.rglob("*.py")}

    assert [test.name for test in (TESTS / "across").glob("test_*.py") if test.stem[5:] in names] == []


def test_no_test_lies_between_the_rooms():
    """At the top are fixtures alone."""
    assert list(TESTS.glob("test_*.py")) == []


def _names_a_file(test: Path) -> bool:
    """Return whether `test_a_b_c.py` stands for `a.py`, `a_b.py` or `a_b_c.py` of its room, or for a room in it."""
    room, words = TASKS / test.parent.relative_to(TESTS), test.stem.split("_")[1:]
    names = ["_".join(words[:count]) for count in range(1, len(words) + 1)]
    return any((room / f"{name}.py").is_file() or (room / name / "__init__.py").is_file() for name in names)
