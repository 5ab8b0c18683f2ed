"""What decides what a step gives: the modules that its module imports, the pages that they fill, their libraries.

steps/train.py ──► every `import` of every module, also inside functions ──► files of tasks/, libraries
               ──► what it starts or executes by name: "featherline.tasks.…", execute("…")

A changed word in the report's template is no change of `train`; a changed training loop is. Imports are read, not run:
a hit must not import TensorFlow.
"""

from __future__ import annotations

import importlib.metadata
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from featherline.tasks.contracts.base import canonical_json, digest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "featherline.tasks"
PAGES = {".css", ".html", ".md"}
"""Templates; they belong to the modules of the folder above them."""

IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n#]+)|import[ \t]+([\w.]+))", re.MULTILINE
)
STARTED = re.compile(r'"(featherline\.tasks\.[\w.]+)(?::\w+)?"')
EXECUTED = re.compile(r'\bexecute\(\s*"(\w+)"')
NAME = re.compile(r"\b(\w+)(?:[ \t]+as[ \t]+\w+)?")

DISTRIBUTIONS = {
    "PIL": "pillow",
    "ai_edge_litert": "ai-edge-litert",
    "flatbuffers": "flatbuffers",
    "great_expectations": "great-expectations",
    "h5py": "h5py",
    "jinja2": "jinja2",
    "litert_quantizer": "litert-quantizer",
    "matplotlib": "matplotlib",
    "numpy": "numpy",
    "optuna": "optuna",
    "pandas": "pandas",
    "pyarrow": "pyarrow",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "tensorflow": "tensorflow",
    "tensorflow_model_optimization": "tensorflow-model-optimization",
    "tf_keras": "tf-keras",
    "tflite_micro": "tflite-micro",
    "yaml": "pyyaml",
    "zstandard": "zstandard",
}
"""The distribution of each library whose version can change what a step gives, by the name that it is imported by."""

INDIFFERENT = frozenset(
    (
        *("boto3", "botocore", "cryptography", "markupsafe", "mlflow", "model_signing", "pydantic"),
        *("requests", "urllib3"),
    )
)
"""Libraries that carry, check and sign what steps give, and change nothing of it."""


@cache
def modules_of(step: str) -> tuple[Path, ...]:
    """Return the files of `tasks` that decide what a step gives, relative to it, sorted.

    Args:
        step: Its name, or the dotted name of any module of `tasks`.
    """
    needed: set[Path] = set()
    waiting = [step if step.startswith(f"{PACKAGE}.") else f"{PACKAGE}.steps.{step}"]
    while waiting:
        module = waiting.pop()
        path = _file(module)
        if path is None or path in needed:
            continue
        needed.add(path)
        waiting += _named(path)
        if module != PACKAGE:  # importing a module runs the packages that it lies in
            waiting.append(module.rpartition(".")[0])
    folders = {path.parent for path in needed} - {ROOT}
    pages = {page for folder in folders for page in folder.rglob("*") if page.suffix in PAGES}
    return tuple(sorted(path.relative_to(ROOT) for path in needed | pages))


@cache
def code_of(step: str) -> dict[str, str]:
    """Return the digest of each file that decides what a step gives, by its path in `tasks`."""
    return {path.as_posix(): digest((ROOT / path).read_bytes()) for path in modules_of(step)}


@cache
def libraries_of(step: str) -> dict[str, str]:
    """Return the versions of the libraries that decide what a step gives; one that is not installed is left out."""
    return _versions({top for path in modules_of(step) if path.suffix == ".py" for top in foreign_imports(ROOT / path)})


@cache
def code_digest() -> str:
    """Return the digest of all code and templates of `tasks`, by path and content."""
    files = sorted(path for path in ROOT.rglob("*") if path.suffix in {".py", *PAGES})
    return digest(canonical_json([[path.relative_to(ROOT).as_posix(), digest(path.read_bytes())] for path in files]))


@cache
def every_library() -> dict[str, str]:
    """Return the versions of the libraries that decide what any step gives."""
    return _versions(set(DISTRIBUTIONS))


def foreign_imports(path: Path) -> set[str]:
    """Return the libraries that a module imports, by the first part of their names."""
    tops = {(match[1] or match[3]).partition(".")[0] for match in IMPORT.finditer(_text(path))}
    return tops - sys.stdlib_module_names - {"featherline", "__future__"}


def _named(path: Path) -> Iterator[str]:
    """Yield the modules of `tasks` that a module needs, and names in them that are no modules, which have no file."""
    text = _text(path)
    for match in IMPORT.finditer(text):
        module = match[1] or match[3]
        if module.partition(".")[0] == "featherline":
            yield module
            yield from (f"{module}.{name[1]}" for name in NAME.finditer(match[2] or ""))
    yield from (match[1] for match in STARTED.finditer(text))
    yield from (f"{PACKAGE}.steps.{match[1]}" for match in EXECUTED.finditer(text))


def _file(module: str) -> Path | None:
    """Return the file of a module or a package of `tasks`; None where it has none."""
    if module != PACKAGE and not module.startswith(f"{PACKAGE}."):
        return None
    place = ROOT.joinpath(*module.removeprefix(PACKAGE).split(".")[1:])
    if place.with_suffix(".py").is_file():
        return place.with_suffix(".py")
    return place / "__init__.py" if (place / "__init__.py").is_file() else None


@cache
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _versions(tops: set[str]) -> dict[str, str]:
    versions = {}
    for top in sorted(tops & set(DISTRIBUTIONS)):
        try:
            versions[DISTRIBUTIONS[top]] = importlib.metadata.version(DISTRIBUTIONS[top])
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
