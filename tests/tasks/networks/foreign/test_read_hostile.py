"""Files that were made to harm are refused: no traceback, no hang, no swelling, in little time."""

from __future__ import annotations

import json
import random
import resource
import time
from pathlib import Path
from typing import Any

import pytest

from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.networks.foreign.apart import open_here
from featherline.tasks.networks.foreign.read import model_of, read_model
from tests.tasks.networks.foreign.hostile import hostile
from tests.tasks.networks.foreign.hostile_hdf5 import circling, hdf5
from tests.tasks.networks.foreign.hostile_zip import Good, Make, zipped

SHAPE = (8, 8, 1)
LONGEST_S = 8.0
"""For one file, on a machine that does much else."""
MUTATIONS_S = 4.0


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Good:
    """Give a file without fault, of which the others are made."""
    return Good(tmp_path_factory.mktemp("good"))


def answer(path: Path, folder: Path) -> Refused | None:
    """Return how a file is refused in this process, or None where it is read."""
    folder.mkdir()
    try:
        model_of(open_here(path, folder, SHAPE), path.name, SHAPE, 10)
    except Refused as refused:
        return refused
    return None


def wrong_with(make: Make, folder: Path) -> str | None:
    """Return what is wrong with the answer to a file, or None."""
    folder.mkdir()
    path = make(folder)
    started = time.monotonic()
    try:
        refused = answer(path, folder / "opened")
    except Exception as error:  # noqa: BLE001 - a traceback is what must not be
        return f"{type(error).__name__}: {error}"[:300]
    took_s = time.monotonic() - started
    if refused is None:
        return "read"
    return f"{took_s:.1f} s" if took_s > LONGEST_S else None


def test_every_hostile_file_is_refused(good: Good, tmp_path: Path) -> None:
    """Each of them, none with a traceback, all without growing and soon."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    found = {name: wrong_with(make, tmp_path / str(number)) for number, (name, make) in enumerate(hostile(good))}

    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    assert len(found) >= 300
    assert grown_kib < 2**20


def mutated(config: Any, rng: random.Random) -> Any:
    """Return a configuration with one to three of its values replaced, by anything or by another of its values."""
    copy = json.loads(json.dumps(config))
    for _ in range(rng.choice([1, 1, 2, 3])):
        places = list(values(copy))
        inside, key = rng.choice(places)
        other, name = rng.choice(places)
        anything = [None, 0, -1, 10**12, 2**63 - 1, 1.5, -1e308, "", "relu", True, [], {}, [[[]]], ["input", 0, 0]]
        inside[key] = json.loads(json.dumps(rng.choice([*anything, other[name], other[name]])))
    return copy


def values(value: Any) -> Any:
    """Yield every place in a configuration."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(items):
        yield value, key
        yield from values(item)


@pytest.mark.parametrize("version", ["2.15.0", "3.15.1"])
def test_no_change_of_a_configuration_gives_a_traceback(good: Good, tmp_path: Path, version: str) -> None:
    """Changed at random, in a file that says either Keras wrote it, it is read or refused."""
    rng = random.Random(0)  # noqa: S311 - no secret
    metadata = json.dumps({"keras_version": version}).encode()
    until, count = time.monotonic() + MUTATIONS_S, 0

    while time.monotonic() < until and count < 300:
        config = json.dumps(mutated(good.config, rng)).encode()
        path = zipped(tmp_path / "m.keras", good.entries | {"config.json": config, "metadata.json": metadata})
        answer(path, tmp_path / str(count))
        count += 1

    assert count > 5


CALLS: list[list[Any]] = [
    ["flat", "relu", 0, {}],
    ["flat", None, 0, {}],
    ["flat", 1.0, 0, {}],
    ["flat", True, 0, {}],
    ["flat", 0, "relu", {}],
    ["flat", 0, -1, {}],
    ["flat", 0, 7, {}],
    ["flat", 0, 0, {"training": ["norm", 0, 7]}],
    ["flat", 0, 0, {"training": ["norm", "relu", 0]}],
    ["flat", 0, 0, {"training": [["norm", 0, 0], ["norm", 3, 0]]}],
]
"""What a layer is called with that no layer gives: Keras waits for some of them for ever."""


@pytest.mark.parametrize("call", CALLS, ids=map(str, CALLS))
def test_a_call_that_takes_what_no_call_gives_is_refused(good: Good, tmp_path: Path, call: list[Any]) -> None:
    """At once: the step that reads the file is not held up."""
    config = json.loads(json.dumps(good.config))
    (dense,) = (layer for layer in config["config"]["layers"] if layer["class_name"] == "Dense")
    dense["inbound_nodes"] = [[call]]
    path = zipped(tmp_path / "m.keras", good.entries | {"config.json": json.dumps(config).encode()})

    assert answer(path, tmp_path / "opened") is not None


def test_a_reader_that_circles_is_ended(good: Good, tmp_path: Path) -> None:
    """A text in HDF5 of length zero keeps its library busy for ever: not here, but in a process apart."""
    path = circling(good, tmp_path)

    with pytest.raises(Refused, match="of work"):
        read_model(str(path), SHAPE, 10)


@pytest.mark.parametrize("form", ["keras", "h5", "folder"])
def test_a_good_file_is_read_apart(good: Good, tmp_path: Path, form: str) -> None:
    """What is opened in a process apart is the model that was saved; a refusal comes from there with all its parts."""
    path = good.folder if form == "folder" else good.folder.with_suffix(f".{form}")
    missing = tmp_path / "model.h5"
    hdf5(good, lambda file: file.attrs.__delitem__("model_config"), tmp_path).rename(missing)

    model = read_model(str(path), SHAPE, 10)

    assert model.count_params() == good.parameters
    with pytest.raises(Refused) as refused:
        read_model(str(missing), SHAPE, 10)
    assert "save the whole model" in refused.value.problems[0].fix
