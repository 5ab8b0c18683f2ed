"""What older versions stored is read by this one, by the readers that meet it: the gate, the registry, the cache."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from featherline.summary import Summary, read_records
from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.measurement import Measurement, Verdict
from featherline.tasks.contracts.model import TrainingHistory
from featherline.tasks.contracts.reading import contract_of
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.request import StepResult
from featherline.tasks.contracts.stored import OtherFormat, Stored
from featherline.tasks.contracts.trials import Trials
from featherline.tasks.litert import metadata
from featherline.tasks.releasing.registries.store_registry import StoreRegistry
from featherline.tasks.releasing.releases.manifest import read_manifest
from featherline.tasks.running import makers, step_cache
from featherline.tasks.store import accepted
from featherline.tasks.store.artifacts import Store, open_store

HERE = Path(__file__).parents[1] / "yesterday"
FROZEN = sorted(path.name for path in HERE.iterdir() if (path / "store").is_dir())
TODAY = FROZEN[-1]
STORED: dict[str, type[Stored]] = {
    "dataset": Dataset,
    "history": TrainingHistory,
    "measurement": Measurement,
    "trials": Trials,
    "verdict": Verdict,
}
"""Documents under `artifacts/`, by the kind of their reference."""


@pytest.fixture(params=FROZEN)
def yesterday(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Give a copy of what a version stored, each in turn."""
    return Path(shutil.copytree(HERE / request.param, tmp_path / request.param))


@pytest.fixture
def old(yesterday: Path) -> Store:
    """Give the store of that version."""
    return open_store(str(yesterday / "store"))


def documents(store: Store) -> dict[str, list[bytes]]:
    """Return the documents under `artifacts/`, by kind, as the results of the steps name them."""
    found: dict[str, list[bytes]] = {}
    for key in store.blobs.keys("results/"):
        for kind, sha256 in named(json.loads(store.blobs.read(key) or b"")["outputs"]):
            data = store.blobs.read(f"artifacts/{sha256}")
            if data is not None:
                found.setdefault(kind, []).append(data)
    return found


def named(value: Any) -> list[tuple[str, str]]:
    """Return the kinds and digests of all references in a value."""
    if isinstance(value, dict) and {"kind", "sha256"} <= value.keys():
        return [(value["kind"], value["sha256"])]
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [found for item in inside for found in named(item)]


def test_the_champion_of_yesterday_is_compared_with(old: Store) -> None:
    """The registry's documents are read, and the quality of the champion's measurement is a number."""
    registry = StoreRegistry(old)

    champion = registry.champion("small")
    assert champion is not None
    measurement = old.read(champion.measurement, Measurement)
    assert registry.moves("small", "champion")[-1].version == champion.version == "1"
    assert 0 < measurement.quality.low <= measurement.quality.value <= measurement.quality.high <= 1
    assert len(measurement.slices) == 10


def test_the_release_of_yesterday_is_read(old: Store) -> None:
    """Its manifest, its measurement, its verdict, and what its model says of itself."""
    champion = StoreRegistry(old).champion("small")
    assert champion is not None
    folder = f"releases/small/{champion.model_sha256[:12]}"
    files = {
        name: old.blobs.read(f"{folder}/{name}") or b"" for name in ("measurement.json", "verdict.json", "model.tflite")
    }

    manifest = read_manifest(old, "small", champion.model_sha256)
    assert manifest is not None
    candidate = Measurement.from_json(files["measurement.json"]).candidate
    said = metadata.read(files["model.tflite"])
    assert manifest.files["measurement.json"].sha256 == champion.measurement.sha256
    assert candidate in Verdict.from_json(files["verdict.json"]).passed_candidates()
    assert said is not None
    assert said.scheme == "int8"


def test_what_was_accepted_yesterday_is_compared_with(old: Store) -> None:
    """Both ledgers have their entry; the gates' own readers take its words."""
    for what in ("data", "baseline"):
        assert accepted.previous(old, "small", what, "0" * 64) is not None


def test_a_result_of_yesterday_is_a_hit_or_a_miss_that_says_why(old: Store) -> None:
    """Nothing that lies under a key crashes the step that looks there."""
    for key in old.blobs.keys("results/"):
        _, step, name = key.split("/")
        found = step_cache.find(old, step, name.removesuffix(".json"), contract_of(step, "Outputs"))
        assert isinstance(found, step_cache.Hit) or "format 1: an older version" in str(found) or "lost" in str(found)


def test_the_maker_of_an_artifact_of_yesterday_is_known(old: Store) -> None:
    """A record of who made what names a step and its request."""
    sha256 = json.loads(old.blobs.read(next(iter(old.blobs.keys("made/preprocess/")))) or b"")["artifacts"][0]

    assert [made.step for made in makers.makers_of(old, sha256)] == ["preprocess"]


def test_a_miss_after_an_upgrade_is_explained(old: Store) -> None:
    """What the last run was made of is held against today's, name by name."""
    why = step_cache.explain(old, "small/train", {"step": "train", "code": {"training/loop.py": "0" * 64}})

    assert any(line.startswith("code.training/loop.py was ") for line in why)


def test_a_run_of_yesterday_is_listed(old: Store, yesterday: Path) -> None:
    """The records of its tasks and its summary are read."""
    assert ("train", "") in read_records(old, "run")
    assert Summary.from_json((yesterday / "summary.json").read_bytes()).selected == "searched-int8"


@pytest.mark.parametrize("kind", STORED)
def test_a_document_of_yesterday_is_read_or_refused_in_clear_words(old: Store, kind: str) -> None:
    """What is read no more names both numbers, who wrote it and what to do."""
    for data in documents(old)[kind]:
        try:
            read = STORED[kind].from_json(data)
        except OtherFormat as refusal:
            (problem,) = refusal.problems
            assert "an older version of Featherline wrote it" in problem.got
            assert problem.fix
        else:
            assert STORED[kind].from_json(read.to_json()) == read


@pytest.mark.parametrize("kind", STORED)
def test_what_is_written_today_is_what_was_frozen_last(kind: str) -> None:
    """Bytes that a reader writes anew are equal: a format that changed without a new number is seen here."""
    store = open_store(str(HERE / TODAY / "store"))

    for data in documents(store)[kind]:
        assert STORED[kind].from_json(data).to_json() == data


@pytest.mark.parametrize("contract", [*STORED.values(), StepResult, Summary], ids=lambda contract: contract.__name__)
def test_what_a_newer_version_wrote_is_refused(contract: type[Stored]) -> None:
    """No reader takes a number that it does not know."""
    with pytest.raises(Refused, match="a newer version of Featherline wrote it"):
        contract.from_json(b'{"format": 1000}')
