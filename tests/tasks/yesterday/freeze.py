"""Freeze one of every stored format: a store that holds what a small run left behind, and nothing that is large.

    recipe `small` ──► a whole run ──► its documents, one of each kind, and its model ──► tests/tasks/yesterday/<name>/

`tests/tasks/across/test_yesterday.py` reads every such folder, in this version and in all later ones. When a format
changes, its number is raised, and what is written from then on is frozen under a new name; a folder that is there is
never written anew.

    PYTHONPATH=. .venvs/tasks/bin/python -m tests.tasks.yesterday.freeze NAME [RUN]

RUN is the folder of a run that is there already (`store/` inside, `summary.json` beside it); without it, one is made.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
FOLDERS = ("ledger", "registry")
"""Kept whole."""
RELEASED = ("manifest.json", "measurement.json", "verdict.json", "provenance.json", "recipe.json", "model.tflite")
"""Of a release; pages are large, and nobody reads them back."""
KINDS = ("dataset", "measurement", "verdict", "trials", "history", "recipe", "golden")
"""Artifacts, one of each."""
STEPS = ("preprocess", "train", "choose", "plan", "evaluate", "validate_metrics", "select")
"""Whose results, ingredients and makers are kept."""


def freeze(run: Path, target: Path) -> None:
    """Copy one of each kind from a run's folder.

    Args:
        run: With `store/`, and `summary.json` beside it.
        target: A new folder.
    """
    store = run / "store"
    for path in _kept(store):
        copy = target / "store" / path.relative_to(store)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    shutil.copyfile(run / "summary.json", target / "summary.json")
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    print(f"{target}: {sum(path.is_file() for path in target.rglob('*'))} files, {size:,} bytes")


def _kept(store: Path) -> Iterator[Path]:
    for folder in FOLDERS:
        yield from (path for path in sorted((store / folder).rglob("*")) if path.is_file())
    for name in RELEASED:
        yield from store.glob(f"releases/*/*/{name}")
    for step in STEPS:
        result = max(store.glob(f"results/{step}/*.json"))
        yield result
        yield from store.glob(f"made/{step}/{result.name}")
        yield from store.glob(f"keys/*/{step}.json")
    yield from sorted(store.glob("runs/*/steps/train*.json"))
    yield from sorted(store.glob("runs/*/verdicts/metrics.json"))
    artifacts = dict(_artifacts(store))
    for kind in KINDS:
        yield store / "artifacts" / artifacts[kind]


def _artifacts(store: Path) -> Iterator[tuple[str, str]]:
    """Yield the kind and the digest of the artifacts that results name; the last one of a kind counts."""
    for path in (path for step in STEPS for path in sorted(store.glob(f"results/{step}/*.json"))):
        waiting = [json.loads(path.read_bytes())["outputs"]]
        while waiting:
            value = waiting.pop()
            if isinstance(value, dict) and {"kind", "sha256"} <= value.keys():
                yield value["kind"], value["sha256"]
            elif isinstance(value, dict | list):
                waiting += value.values() if isinstance(value, dict) else value
    recipe = next(store.glob("releases/*/*/manifest.json"))
    yield "recipe", json.loads(recipe.read_bytes())["files"]["recipe.json"]["sha256"]


def main() -> None:
    """Freeze the run that the command line names, or one that is made for it."""
    name, *given = sys.argv[1:]
    target = HERE / name
    if target.exists():
        sys.exit(f"{target} is there: what was frozen is not written anew; take another name")
    if given:
        freeze(Path(given[0]), target)
        return
    from tests.tasks.whole_run import small_run  # noqa: PLC0415 - TensorFlow, which a run that is there does not need

    with tempfile.TemporaryDirectory(prefix="featherline-freeze-") as folder:
        run = small_run(Path(folder), {})
        run.summarise()
        freeze(run.folder, target)


if __name__ == "__main__":
    main()
