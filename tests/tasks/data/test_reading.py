"""Reading a split piece by piece, from every kind of store."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from featherline.stack.s3_server import S3Server
from featherline.tasks.contracts.dataset import Dataset, InputSpec, Shard, Split, Statistics
from featherline.tasks.contracts.references import ArrayRef, SamplesRef
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.request import Variable
from featherline.tasks.data.dataset import read_split
from featherline.tasks.modalities.reading import open_split
from featherline.tasks.store.artifacts import Store, open_store
from featherline.tasks.store.damage import Damaged

COUNT, SHARD = 23, 5
SHAPES = {"left": ((4, 3), "uint8"), "right": ((2,), "float32")}


@pytest.fixture(params=["folder", "s3", "s3 behind a cache"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Give each kind of store in turn, empty."""
    if request.param == "folder":
        return open_store(str(tmp_path / "store"))
    server: S3Server = request.getfixturevalue("s3_server")
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    if request.param == "s3 behind a cache":
        monkeypatch.setenv(Variable.CACHE, str(tmp_path / "cache"))
    return open_store(f"s3://featherline/{uuid.uuid4().hex}")


def arrays() -> tuple[dict[str, NDArray[np.generic]], NDArray[np.int64]]:
    """Return the examples and the targets of the data set."""
    generator = np.random.default_rng(0)
    examples = {
        name: generator.integers(0, 256, (COUNT, *shape)).astype(kind) for name, (shape, kind) in SHAPES.items()
    }
    return examples, generator.integers(0, 3, COUNT)


def stored(store: Store) -> Dataset:
    """Store a data set of two inputs, 23 examples in shards of five, and an empty split."""
    examples, targets = arrays()
    shards = tuple(
        Shard(
            examples={name: store.put_array(values[start : start + SHARD]) for name, values in examples.items()},
            targets=store.put_array(targets[start : start + SHARD]),
            count=min(SHARD, COUNT - start),
        )
        for start in range(0, COUNT, SHARD)
    )
    return Dataset(
        name="pairs",
        inputs={
            name: InputSpec(
                modality="vector", shape=shape, dtype=kind, statistics=Statistics(scale=1.0, mean=(0.0,), std=(1.0,))
            )
            for name, (shape, kind) in SHAPES.items()
        },
        splits={
            "train": Split(shards=shards, count=COUNT, strata=(COUNT,), profiles={}),
            "test": Split(shards=(), count=0, strata=(0,), profiles={}),
        },
        samples=store.put_bytes(b"", SamplesRef),
    )


CHOICES: list[list[int]] = [
    [7],
    [0, 1, 2, 3, 4, 5, 6],
    [22, 0, 11, 11, 3, 12, 22],
    list(range(COUNT)),
    list(range(COUNT))[::-1],
    [],
]


def test_takes_what_an_array_would_give(any_store: Store) -> None:
    """Any examples in any order, across shards, also several times the same, each input with its own shape and kind."""
    examples, _ = arrays()

    with open_split(any_store, stored(any_store), "train") as reader:
        for chosen in CHOICES:
            taken = reader.take(chosen)

            assert taken.keys() == examples.keys()
            for name, values in examples.items():
                assert taken[name].dtype == values.dtype
                np.testing.assert_array_equal(taken[name], values[chosen])


@pytest.mark.parametrize(("most_bytes", "blocks"), [(1, 23), (3 * 20, 8), (2**20, 1)])
def test_blocks_are_the_split_in_order(store: Store, most_bytes: int, blocks: int) -> None:
    """At most so many bytes at a time (20 an example), one example at least; together they are the whole split."""
    examples, targets = arrays()

    with open_split(store, stored(store), "train") as reader:
        read = list(reader.blocks(most_bytes))

    assert len(read) == blocks
    assert max(len(part) for _, part in read) == max(1, min(COUNT, most_bytes // 20))
    np.testing.assert_array_equal(np.concatenate([part for _, part in read]), targets)
    for name, values in examples.items():
        np.testing.assert_array_equal(np.concatenate([part[name] for part, _ in read]), values)


def test_it_is_what_reading_the_whole_split_gives(store: Store) -> None:
    """Length, targets and examples."""
    dataset = stored(store)
    examples, targets = read_split(store, dataset, "train")

    with open_split(store, dataset, "train") as reader:
        assert len(reader) == COUNT
        np.testing.assert_array_equal(reader.targets, targets)
        for name, values in reader.take(np.arange(COUNT)).items():
            np.testing.assert_array_equal(values, examples[name])


def test_an_empty_split_has_nothing(store: Store) -> None:
    """No block, no target, and arrays of no example."""
    with open_split(store, stored(store), "test") as reader:
        assert (len(reader), len(reader.targets), list(reader.blocks())) == (0, 0, [])
        assert {name: values.shape for name, values in reader.take([]).items()} == {"left": (0, 4, 3), "right": (0, 2)}


@pytest.mark.parametrize("wrong", [[23], [-1], [0, 23]])
def test_what_is_no_example_is_not_taken(store: Store, wrong: list[int]) -> None:
    """Also not from the end, as an array would."""
    with open_split(store, stored(store), "train") as reader, pytest.raises(IndexError, match="of a split of 23"):
        reader.take(wrong)


def test_what_is_removed_meanwhile_is_still_read(any_store: Store, tmp_path: Path) -> None:
    """A reader holds its files: neither a store that is cleaned nor a cache that makes room takes them from it."""
    examples, _ = arrays()
    dataset = stored(any_store)

    with open_split(any_store, dataset, "train") as reader:
        for shard in dataset.splits["train"].shards:
            any_store.blobs.delete(f"artifacts/{shard.examples['left'].sha256}")
            (tmp_path / "cache" / shard.examples["left"].sha256).unlink(missing_ok=True)
        taken = reader.take([3, 20])

    np.testing.assert_array_equal(taken["left"], examples["left"][[3, 20]])


@pytest.mark.parametrize("damage", [None, b"something else"])
def test_a_damaged_shard_is_found_before_anything_is_read(any_store: Store, damage: bytes | None) -> None:
    """Opening the split says which artifact it is, and sets it aside, so that its maker runs again."""
    dataset = stored(any_store)
    ref = dataset.splits["train"].shards[2].examples["right"]
    key = f"artifacts/{ref.sha256}"
    if damage is None:
        any_store.blobs.delete(key)
    else:
        any_store.blobs.replace(key, damage)

    with pytest.raises(Damaged) as raised:
        open_split(any_store, dataset, "train")

    assert raised.value.ref == ref
    assert any_store.blobs.size(key) is None


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((SHARD - 1, 4, 3), np.uint8),
        np.zeros((SHARD, 4, 4), np.uint8),
        np.zeros((SHARD, 4, 3), np.int8),
    ],
    ids=lambda array: f"{array.shape} of {array.dtype}",
)
def test_a_shard_of_another_shape_is_refused(store: Store, wrong: NDArray[np.generic]) -> None:
    """It is whole, and not what the data set says: nothing of it is taken for an example."""
    assert "of uint8 as `.npy`" in refused(store, store.put_array(wrong))


@pytest.mark.parametrize(
    "content",
    [b"", b"no array", b"\x93NUMPY\x02\x00\xff\xff\xff\xff{", b"\x93NUMPY\x01\x00\x02\x00{}"],
    ids=["empty", "no array", "a header of 4 GiB", "a header of nothing"],
)
def test_a_shard_that_is_no_array_is_refused(store: Store, content: bytes) -> None:
    """Whatever its header says, and without memory for what it says."""
    refused(store, store.put_bytes(content, ArrayRef))


def test_an_array_that_lies_by_columns_is_refused(store: Store, tmp_path: Path) -> None:
    """Its examples do not lie in one piece each."""
    np.save(tmp_path / "columns.npy", np.asfortranarray(np.zeros((SHARD, 4, 3), np.uint8)))

    refused(store, store.put_file(tmp_path / "columns.npy", ArrayRef))


def refused(store: Store, ref: ArrayRef) -> str:
    """Return what was expected where this artifact stands for a shard of `left`."""
    dataset = stored(store)
    first, *rest = dataset.splits["train"].shards
    wrong = first.model_copy(update={"examples": first.examples | {"left": ref}})
    split = dataset.splits["train"].model_copy(update={"shards": (wrong, *rest)})
    with pytest.raises(Refused) as raised:
        open_split(store, dataset.model_copy(update={"splits": {"train": split}}), "train")
    (problem,) = raised.value.problems
    assert ref.sha256 in problem.what
    return problem.expected


def test_targets_that_are_not_as_many_as_the_examples_are_refused(store: Store) -> None:
    """No example gets the answer of another."""
    dataset = stored(store)
    first, *rest = dataset.splits["train"].shards
    wrong = first.model_copy(update={"targets": store.put_array(np.zeros(SHARD - 1, np.int64))})
    split = dataset.splits["train"].model_copy(update={"shards": (wrong, *rest)})

    with pytest.raises(Refused, match="5 targets"):
        open_split(store, dataset.model_copy(update={"splits": {"train": split}}), "train")


def test_threads_read_at_the_same_time(store: Store) -> None:
    """Four threads, each with its own examples, two hundred times: nobody gets another's."""
    examples, _ = arrays()
    together = threading.Barrier(4)

    with open_split(store, stored(store), "train") as reader:

        def read(seed: int) -> bool:
            generator = np.random.default_rng(seed)
            together.wait()
            choices = [generator.integers(0, COUNT, 9) for _ in range(200)]
            return all(np.array_equal(reader.take(chosen)["left"], examples["left"][chosen]) for chosen in choices)

        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(read, range(4)))


def test_a_closed_reader_reads_no_other_file(store: Store) -> None:
    """Its file numbers may be others' by then."""
    reader = open_split(store, stored(store), "train")
    reader.close()

    with pytest.raises(ValueError, match="closed"):
        reader.take([0])
