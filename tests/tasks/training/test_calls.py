"""What the compiled steps are called with: the same batches from memory as from the store."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.references import DatasetRef
from featherline.tasks.modalities.views import InputViews
from featherline.tasks.networks.framework import tf
from featherline.tasks.store.artifacts import Store
from featherline.tasks.training import calls as calls_module
from featherline.tasks.training import data as data_module
from featherline.tasks.training.calls import Call, Feed
from featherline.tasks.training.data import TrainingData, load_training_data
from tests.tasks.training import streamed

ROOT = Path(__file__).parents[3]
SIGNATURE = (tf.TensorSpec((None, 8, 8, 1), tf.uint8), tf.TensorSpec((None,), tf.int64))


@pytest.fixture
def on_disk(store: Store, digits: tuple[DatasetRef, Dataset], monkeypatch: pytest.MonkeyPatch) -> TrainingData:
    """Give the digits as if they were too many for the memory."""
    monkeypatch.setattr(data_module, "KEPT_BYTES", 0)
    return load_training_data(store, digits[1])


def feed(data: TrainingData) -> Feed:
    """Return what feeds steps with the train split."""
    return Feed(data.train, data.views, SIGNATURE)


def batches_of(call: Call) -> list[tuple[bytes, list[int]]]:
    """Return the examples and targets of each batch of a call."""
    spans = [call.order[start:stop] for start, stop in zip(call.ends[:-1], call.ends[1:], strict=True)]
    return [(call.examples.numpy()[span].tobytes(), call.targets.numpy()[span].tolist()) for span in spans]


def test_batches_are_the_same_from_memory_and_from_the_store(data: TrainingData, on_disk: TrainingData) -> None:
    """Bytes as they are stored, also of an example that is dealt twice."""
    dealt = [np.array([5, 3, 599, 5]), np.array([0, 301]), np.array([2, 2])]

    given = [[batch for call in feed(each).calls(dealt) for batch in batches_of(call)] for each in (data, on_disk)]

    assert given[0] == given[1]
    assert [targets for _, targets in given[0]] == [data.train.targets[chosen].tolist() for chosen in dealt]


def test_calls_take_whole_batches_up_to_a_size(data: TrainingData, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 30 examples a call and batches of 10 three; of batches that are larger one."""
    monkeypatch.setattr(calls_module, "EXAMPLES_A_CALL", 30)
    tens, forties = (np.array_split(np.arange(200), count) for count in (20, 5))

    spans = [[(call.first, call.last) for call in feed(data).calls(dealt)] for dealt in (tens, forties)]

    assert spans[0] == [(0, 3), (3, 6), (6, 9), (9, 12), (12, 15), (15, 18), (18, 20)]
    assert spans[1] == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]


def test_no_more_is_read_at_once_than_a_fixed_number_of_bytes(
    on_disk: TrainingData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 64 bytes an example and 1,280 bytes two batches of ten."""
    monkeypatch.setattr(calls_module, "READ_BYTES", 1280)

    spans = [(call.first, call.last) for call in feed(on_disk).calls(np.array_split(np.arange(60), 6))]

    assert spans == [(0, 2), (2, 4), (4, 6)]


def test_blocks_are_the_same_from_memory_and_from_the_store(data: TrainingData, on_disk: TrainingData) -> None:
    """In their order, the last one shorter."""
    given = [[block.numpy() for block in feed(each).blocks()] for each in (data, on_disk)]

    assert [len(block) for block in given[0]] == [256, 256, 88]
    assert all(np.array_equal(one, other) for one, other in zip(*given, strict=True))


def test_what_has_no_preprocessing_is_fed_as_it_is(data: TrainingData) -> None:
    """Such as arrays that a caller made ready."""
    ready = data.train.take(slice(4))
    specs = (tf.TensorSpec((None, 8, 8, 1), tf.float32), SIGNATURE[1])

    (block,) = Feed(type(ready)(ready.examples, ready.targets), InputViews(), specs).blocks()

    assert np.array_equal(block.numpy(), ready.inputs)


def test_a_training_needs_less_memory_than_its_data(tmp_path: Path) -> None:
    """Under a limit on the process that its examples alone would break."""
    command = [sys.executable, "-m", streamed.__name__, str(tmp_path)]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr[-2000:]
    limit, examples, loss = (float(number) for number in done.stdout.split()[-3:])
    assert examples > limit
    assert np.isfinite(loss)
