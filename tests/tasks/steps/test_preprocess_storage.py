"""Both ways of storing examples: the same pixels, the same samples, and which way is chosen."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.steps.preprocess import PreprocessInputs, PreprocessParams
from featherline.tasks.data.dataset import read_targets
from featherline.tasks.data.sources import budget, shards
from featherline.tasks.data.sources.source import Decoded
from featherline.tasks.data.sources.storage import choose
from featherline.tasks.modalities.reading import open_split
from featherline.tasks.running.context import Context
from featherline.tasks.steps.preprocess import preprocess

PHOTOS, SIDE = 24, 96


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of JPEGs, two classes of twelve."""
    folder = tmp_path_factory.mktemp("photos")
    generator = np.random.default_rng(0)
    for row in range(PHOTOS):
        small = Image.fromarray(generator.integers(0, 256, (8, 8, 3)).astype(np.uint8))
        path = folder / str(row % 2) / f"{row:02d}.jpg"
        path.parent.mkdir(exist_ok=True)
        small.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(path, "JPEG", quality=92)
    return folder


def run(context: Context, source: Path | str, **given: object) -> Dataset:
    """Preprocess a source, and return the data set."""
    given = {"name": "photos", "source": str(source), "calibration_count": 4, **given}
    outputs = preprocess(PreprocessInputs(), PreprocessParams.model_validate(given), context)
    return context.store.read(outputs.data, Dataset)


@pytest.mark.parametrize("size", [None, (80, 80), (32, 48)], ids=["as they are", "a little smaller", "much smaller"])
def test_both_storages_hold_the_same(context: Context, photos: Path, size: tuple[int, int] | None):
    """Pixels, targets, statistics, strata and the very file of the samples."""
    array, encoded = (run(context, photos, storage=storage, image_size=size) for storage in ("array", "encoded"))

    assert (array.inputs["image"].storage, encoded.inputs["image"].storage) == ("array", "encoded")
    assert array.samples == encoded.samples
    assert array.inputs["image"].statistics == encoded.inputs["image"].statistics
    for name, split in array.splits.items():
        assert split.profiles == encoded.splits[name].profiles
        assert split.strata == encoded.splits[name].strata
        targets = read_targets(context.store, array, name)
        with open_split(context.store, array, name) as one, open_split(context.store, encoded, name) as other:
            chosen = np.random.default_rng(0).integers(0, len(one), 50)
            np.testing.assert_array_equal(one.take(chosen)["image"], other.take(chosen)["image"])
            np.testing.assert_array_equal(other.targets, targets)
            np.testing.assert_array_equal(np.concatenate([part for _, part in other.blocks(2**16)]), targets)


def test_photos_are_encoded_and_take_no_more_than_their_files(context: Context, photos: Path):
    """By measuring; with calibration, which lies there once more, at most 1.2 times the source."""
    dataset = run(context, photos)

    stored = sum(shard.examples["image"].bytes for split in dataset.splits.values() for shard in split.shards)
    assert dataset.inputs["image"].storage == "encoded"
    assert stored <= 1.2 * sum(path.stat().st_size for path in photos.rglob("*.jpg"))


def test_small_images_stay_arrays(context: Context):
    """To open a file of 64 pixels costs more than to read them."""
    assert run(context, "digits").inputs["image"].storage == "array"


def test_noise_stays_arrays(context: Context, tmp_path: Path):
    """What does not become much smaller is not decoded again and again."""
    generator = np.random.default_rng(0)
    for row in range(PHOTOS):
        path = tmp_path / "noise" / str(row % 2) / f"{row}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)).save(path)

    assert run(context, tmp_path / "noise").inputs["image"].storage == "array"


def test_shards_are_cut_by_their_bytes(context: Context, photos: Path, monkeypatch: pytest.MonkeyPatch):
    """Files are gathered until there are enough bytes of them, or as many as was asked for."""
    monkeypatch.setattr(shards, "LARGEST_SHARD_BYTES", 20_000)

    train = run(context, photos, storage="encoded").splits["train"]

    assert len(train.shards) > 1
    assert all(shard.examples["image"].bytes >= 20_000 for shard in train.shards[:-1])
    assert sum(shard.count for shard in train.shards) == train.count


def test_a_disk_too_small_is_told_before_anything_is_stored(
    context: Context, photos: Path, monkeypatch: pytest.MonkeyPatch
):
    """By what a sample takes encoded: 24 photos fit where their arrays would not, and not where they do not."""
    usage = budget.shutil.disk_usage(photos)
    stored = sum(path.stat().st_size for path in photos.rglob("*.jpg"))
    monkeypatch.setattr(budget.shutil, "disk_usage", lambda _: usage._replace(free=2 * stored))

    assert run(context, photos).inputs["image"].storage == "encoded"
    with pytest.raises(Refused, match="cannot hold the data set"):
        run(context, photos, storage="array")
    monkeypatch.setattr(budget.shutil, "disk_usage", lambda _: usage._replace(free=stored // 2))
    with pytest.raises(Refused, match="encoded"):
        run(context, photos)


def test_what_no_modality_encodes_is_refused():
    """Encoded storage of vectors is a mistake, and auto leaves them as they are."""

    def as_it_is(raw: np.ndarray, /) -> Decoded:
        return Decoded(raw, raw.shape)

    assert choose("vector", "auto", [], as_it_is, None).storage == "array"
    with pytest.raises(Refused, match="cannot store vector encoded"):
        choose("vector", "encoded", [], as_it_is, None)


LIMITED = """
import resource, sys
import numpy as np
from featherline.tasks.contracts.dataset import Dataset
from featherline.tasks.contracts.steps.preprocess import PreprocessInputs, PreprocessParams
from featherline.tasks.modalities.reading import open_split
from featherline.tasks.running.context import Context
from featherline.tasks.steps.preprocess import preprocess
from featherline.tasks.store.artifacts import open_store

limit = int(sys.argv[3])
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
context = Context(open_store(sys.argv[2]))
params = PreprocessParams(name="large", source=sys.argv[1], image_size=(512, 512), storage="array")
dataset = context.store.read(preprocess(PreprocessInputs(), params, context).data, Dataset)
with open_split(context.store, dataset, "train") as reader:
    seen = sum(len(targets) for _, targets in reader.blocks())
    drawn = reader.take(np.random.default_rng(0).permutation(len(reader))[:64])["image"]
stored = sum(shard.examples["image"].bytes for split in dataset.splits.values() for shard in split.shards)
print(stored, seen == dataset.splits["train"].count, len(drawn))
try:
    bytearray(limit)
except MemoryError:
    print("limited")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux limits what a process may hold")
def test_a_data_set_larger_than_the_memory_goes_through(tmp_path: Path):
    """Preprocess writes it and a reader reads it, block by block and at random, in a process that may not hold it."""
    limit = 400 * 2**20
    for row in range(600):
        path = tmp_path / "source" / str(row % 2) / f"{row}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((2, 2, 3), row % 251, np.uint8)).save(path)

    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "source"), str(tmp_path / "store"), str(limit)],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        env={
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "MALLOC_ARENA_MAX": "1",  # room that is kept for threads, and for Arrow, counts as held
            "ARROW_DEFAULT_MEMORY_POOL": "system",
        },
    )

    *_, told, limited = io.StringIO(done.stdout).read().splitlines()
    stored, seen, drawn = told.split()
    assert int(stored) > 1.1 * limit
    assert (seen, drawn, limited) == ("True", "64", "limited")
