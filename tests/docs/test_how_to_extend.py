"""`docs/how-to-extend.md` holds: its examples are put into a copy of the project, all at once, and run there.

Each block of code on the page stands under a line that ends with the file's path. A block of Python is a new file; a
diff is an edit of a file that is there, each of its hunks (between lines of `@@`) an exact place in it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AIRFLOW = ROOT / ".venvs" / "airflow" / "bin" / "python"
PAGE = ROOT / "docs" / "how-to-extend.md"
PARTS = ("featherline", "tasks", "plugins", "dags", "tests", "docs", "recipes", "pyproject.toml")
BLOCK = re.compile(
    r"^[^\n]*`(?P<path>[^`\n]+)`:\n\n```(?P<kind>python|diff)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """A file of an example, or an edit of one."""

    section: str
    path: str
    kind: str
    code: str

    @property
    def is_test(self) -> bool:
        """Return whether it is run."""
        return Path(self.path).name.startswith("test_")


def blocks() -> Iterator[Block]:
    """Yield the blocks of the page in its order."""
    for part in re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]:
        section, _, text = part.partition("\n")
        for found in BLOCK.finditer(text):
            yield Block(section, found["path"], found["kind"], found["code"])


def apply(block: Block, project: Path) -> None:
    """Write a new file, or edit the one that is there."""
    file = project / block.path
    if block.kind == "python":
        assert not file.exists(), f"{block.path} is there already"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.code)
        return
    text = file.read_text()
    for hunk in re.split(r"^@@.*\n", block.code, flags=re.MULTILINE):
        lines = hunk.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] in " -")
        new = "".join(line[1:] for line in lines if line[0] in " +")
        assert text.count(old) == 1, f"{block.section}: {block.path} has {text.count(old)} times\n{old}"
        text = text.replace(old, new)
    file.write_text(text)


BLOCKS = tuple(blocks())
SECTIONS = tuple(dict.fromkeys(block.section for block in BLOCKS))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of the project with every example of the page in it."""
    folder = tmp_path_factory.mktemp("project")
    for part in PARTS:
        if (ROOT / part).is_file():
            shutil.copy(ROOT / part, folder)
        else:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / part, folder / part, symlinks=True, ignore=ignored)
    for block in BLOCKS:
        apply(block, folder)
    return folder


@pytest.fixture(scope="module")
def outcomes(project: Path) -> dict[str, list[str]]:
    """Give what the examples' tests came to, by their file: nothing where one passed, else what was said."""
    report = project / "report.xml"
    tests = [block.path for block in BLOCKS if block.is_test]
    done = run(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *tests)
    assert report.exists(), done.stdout + done.stderr
    found: dict[str, list[str]] = {}
    for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314 - the same
        file = case.attrib["classname"].replace(".", "/") + ".py"
        wrong = [one.text or one.tag for one in case if one.tag in {"failure", "error", "skipped"}]
        found.setdefault(file, []).append("\n".join(wrong))
    return found


def run(project: Path, *words: str, python: Path = Path(sys.executable)) -> subprocess.CompletedProcess[str]:
    """Run Python in the copy."""
    environment = os.environ | {"PYTHONPATH": str(project), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [python, *words],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("section", SECTIONS)
def test_an_example_works(section: str, outcomes: dict[str, list[str]]):
    """The tests that stand in the section pass, each of them."""
    tests = [block.path for block in BLOCKS if block.section == section and block.is_test]

    assert tests
    for test in tests:
        assert outcomes[test], f"{test} has no test"
        assert outcomes[test] == [""] * len(outcomes[test]), "\n".join(outcomes[test])


def test_the_examples_are_of_the_house_style(project: Path):
    """Whoever copies one passes the linter and the formatter."""
    files = sorted({block.path for block in BLOCKS})

    for words in (("check", "--no-cache", *files), ("format", "--no-cache", "--check", *files)):
        done = run(project, "-m", "ruff", *words)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_examples_keep_the_layers(project: Path):
    """No example imports upwards, and each room of theirs has its place."""
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"

    done = run(project, "-c", code)

    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(not AIRFLOW.exists(), reason="Airflow's environment is not there; `make test` brings it")
def test_airflows_side_takes_the_examples(project: Path):
    """The DAG is drawn with the step of the page, which has its row."""
    words = ("-q", "-p", "no:cacheprovider", "tests/plugins/test_steps.py")
    code = f"import featherline.dags.retrain_and_compress, pytest; raise SystemExit(pytest.main({list(words)}))"

    done = run(project, "-c", code, python=AIRFLOW)

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_path_that_the_page_names_is_there(project: Path):
    """In the copy, where the examples are too."""
    named = re.findall(r"`((?:tasks|plugins|dags|tests|docs|recipes)/[^`<>*]*)`", PAGE.read_text())

    assert named
    assert [path for path in named if not (project / path).exists()] == []
