"""How long an epoch takes here and in `model.fit` of tf_keras: the same network, data, views and optimizer, in turn.

Each is set up and warmed for an epoch, then they take turns, an epoch with its validation each; the medians are
compared. `fit` gets a pipeline as TensorFlow's guide has it: bytes kept in memory, shuffled, batched, made ready and
varied batch by batch on all cores, prefetched, with steps_per_execution.

    .venvs/tasks/bin/python -m benchmarks.training [--data ../shared/data/cifar10] [--rounds 5] [--only digits …]
"""

from __future__ import annotations

import argparse
import datetime as dt
import io
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.preprocess import measure
from featherline.tasks.contracts.dataset import Dataset, InputSpec, Profile, Shard, Split, SplitName, Statistics
from featherline.tasks.contracts.fit import Fit
from featherline.tasks.contracts.references import SamplesRef
from featherline.tasks.measuring.machine import machine
from featherline.tasks.modalities.image.preprocessing import model_inputs, own_of
from featherline.tasks.networks.framework import keras, tf
from featherline.tasks.networks.zoo.cnn import cnn
from featherline.tasks.networks.zoo.mobilenet import mobilenet
from featherline.tasks.networks.zoo.resnet import resnet
from featherline.tasks.store.artifacts import Store
from featherline.tasks.store.blobs import FolderBlobs
from featherline.tasks.training.calls import Feed
from featherline.tasks.training.data import load_training_data
from featherline.tasks.training.loop import fit_model
from featherline.tasks.training.training_step import compile_training

RESULTS = Path(__file__).parent / "results" / "training.json"
PHOTOS, PHOTO_SIDE = 640, 224
SCALE = 255.0


class Case(NamedTuple):
    """A network, how it is trained, and on what.

    Attributes:
        build: Makes the network.
        fit: How; an epoch is measured.
        train: Images as bytes and their labels.
        validation: The same.
        steps: Of `fit` in one execution.
    """

    build: Callable[[], Any]
    fit: Fit
    train: tuple[NDArray[np.uint8], NDArray[np.int64]]
    validation: tuple[NDArray[np.uint8], NDArray[np.int64]]
    steps: int


def digits() -> Case:
    """Return the network and the training of the recipe `digits`."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 - this case alone

    bunch = load_digits()
    images, labels = (bunch.images * (SCALE / 16)).astype(np.uint8)[..., np.newaxis], bunch.target.astype(np.int64)
    fit = Fit(epochs=1, batch_size=64, learning_rate=0.01, crop=1)
    build = lambda: cnn((8, 8, 1), 10, widths=(32, 64), dense=64)  # noqa: E731
    return Case(build, fit, (images[:1300], labels[:1300]), (images[1300:1500], labels[1300:1500]), 20)


def cifar10(folder: Path) -> Case:
    """Return ResNet-20 on 9,000 images of CIFAR-10, and 1,000 to validate."""
    import pandas as pd  # noqa: PLC0415 - this case alone
    from PIL import Image  # noqa: PLC0415

    table = pd.read_parquet(folder / "train.parquet").head(10_000)
    image, label = (next(name for name in table if word in name) for word in ("im", "label"))
    files = [cell["bytes"] if isinstance(cell, dict) else cell for cell in table[image]]
    images = np.stack([np.asarray(Image.open(io.BytesIO(file))) for file in files])
    labels = table[label].to_numpy(np.int64)
    fit = Fit(epochs=1, batch_size=128, learning_rate=0.1, optimizer="sgd", crop=4, flip=True)
    build = lambda: resnet((32, 32, 3), 10)  # noqa: E731
    return Case(build, fit, (images[:9000], labels[:9000]), (images[9000:], labels[9000:]), 16)


def photos() -> Case:
    """Return a small MobileNet on photos of 224x224 that are generated."""
    generator = np.random.default_rng(0)
    small = generator.integers(0, 256, (PHOTOS, 14, 14, 3), dtype=np.uint8)
    images = small.repeat(PHOTO_SIDE // 14, axis=1).repeat(PHOTO_SIDE // 14, axis=2)
    labels = np.arange(PHOTOS) % 10
    fit = Fit(epochs=1, batch_size=32, learning_rate=1e-3, flip=True)
    shape, options = (PHOTO_SIDE, PHOTO_SIDE, 3), {"stem": 8, "widths": (8, 16, 24), "depths": (1, 1, 1)}
    build = lambda: mobilenet(shape, 10, **options, stem_stride=2)  # noqa: E731
    held = PHOTOS * 9 // 10
    return Case(build, fit, (images[:held], labels[:held]), (images[held:], labels[held:]), 1)


def ours(case: Case, folder: Path) -> Iterator[None]:
    """Yield after each epoch of the loop; the first one is that of the set-up."""
    store = Store(FolderBlobs(folder))
    data = load_training_data(store, _dataset(store, case))
    keras.utils.set_random_seed(0)
    network = case.build()
    compiled = compile_training(network, case.fit, views=data.views)
    Feed(data.train, data.views, compiled.signature)
    while True:
        fit_model(network, data, case.fit, seed=0, stage="ours", compiled=compiled, say=_unsaid)
        yield


def keras_fit(case: Case) -> Iterator[None]:
    """Yield after each epoch of `model.fit`."""
    keras.utils.set_random_seed(0)
    network = case.build()
    how = own_of(_spec(case))
    zero = model_inputs(np.zeros((1, 1, 1, len(how.mean)), np.uint8), how)
    scale, offset = (1 / (how.scale * np.asarray(how.std))).astype(np.float32), zero[0, 0, 0]

    def ready(images: Any, labels: Any) -> tuple[Any, Any]:
        return tf.cast(images, tf.float32) * scale + offset, labels

    def varied(images: Any, labels: Any) -> tuple[Any, Any]:
        if case.fit.flip:
            images = tf.image.random_flip_left_right(images)
        if case.fit.crop:
            height, width = case.train[0].shape[1:3]
            most = case.fit.crop
            images = tf.pad(images, [[0, 0], [most, most], [most, most], [0, 0]])
            size = (tf.shape(images)[0], height, width, images.shape[-1])
            images = tf.image.random_crop(images, size)
        return images, labels

    tune = tf.data.AUTOTUNE
    size = case.fit.batch_size
    train = tf.data.Dataset.from_tensor_slices(case.train).shuffle(len(case.train[1])).batch(size)
    train = train.map(ready, tune).map(varied, tune).prefetch(tune)
    validation = tf.data.Dataset.from_tensor_slices(case.validation).batch(256).map(ready, tune).cache().prefetch(tune)
    rate = case.fit.learning_rate
    sgd = keras.optimizers.legacy.SGD(rate, momentum=case.fit.momentum, nesterov=True)
    network.compile(
        sgd if case.fit.optimizer == "sgd" else keras.optimizers.legacy.Adam(rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        ["accuracy"],
        steps_per_execution=case.steps,
    )
    while True:
        network.fit(train, validation_data=validation, epochs=1, verbose=0)
        yield


def compared(case: Case, rounds: int) -> dict[str, float]:
    """Return the median seconds of an epoch of both, which take turns, and their ratio."""
    with tempfile.TemporaryDirectory(prefix="featherline-benchmark-") as folder:
        both = {"ours_s": ours(case, Path(folder)), "fit_s": keras_fit(case)}
        for each in both.values():
            next(each)
        seconds: dict[str, list[float]] = {name: [] for name in both}
        for number in range(rounds):
            for name in sorted(both, reverse=number % 2 == 1):
                started = time.perf_counter()
                next(both[name])
                seconds[name].append(time.perf_counter() - started)
    found = {name: round(statistics.median(times), 4) for name, times in seconds.items()}
    pairs = [mine / theirs for mine, theirs in zip(seconds["ours_s"], seconds["fit_s"], strict=True)]
    return found | {"ratio": round(statistics.median(pairs), 3)}


def _spec(case: Case) -> InputSpec:
    images = case.train[0]
    mean, std = ((part(images, axis=(0, 1, 2)) / SCALE).tolist() for part in (np.mean, np.std))
    return InputSpec(
        modality="image",
        shape=images.shape[1:],
        dtype="uint8",
        statistics=Statistics(scale=SCALE, mean=tuple(mean), std=tuple(std)),
    )


def _dataset(store: Store, case: Case) -> Dataset:
    spec = _spec(case)

    def split(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> Split:
        shard = Shard(examples={"image": store.put_array(images)}, targets=store.put_array(labels), count=len(labels))
        profile = Profile(mean=spec.statistics.mean, std=spec.statistics.std)
        strata = tuple(np.bincount(labels, minlength=10).tolist())
        return Split(shards=(shard,), count=len(labels), strata=strata, profiles={"image": profile})

    parts: dict[SplitName, Split] = {"train": split(*case.train), "validation": split(*case.validation)}
    parts |= {"calibration": parts["validation"], "test": parts["validation"]}
    return Dataset(
        name="benchmark",
        inputs={"image": spec},
        vocabulary=tuple(map(str, range(10))),
        splits=parts,
        samples=store.put_bytes(b"none", SamplesRef),
    )


def _unsaid(line: str) -> None:
    """Leave the line of an epoch away."""


def main() -> None:
    """Measure, and write what was measured beside what other measurements wrote into the same file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/cifar10"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=["digits", "cifar10-resnet20", "photos", "preprocess"])
    asked = parser.parse_args()
    cases = {"digits": digits, "cifar10-resnet20": lambda: cifar10(asked.data), "photos": photos}
    written = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    rows = {row["network"]: row for row in written.get("rows", [])}
    if "preprocess" in asked.only:
        written |= measure(asked.data)
    for name in (name for name in asked.only if name != "preprocess"):
        rows[name] = {"network": name, **compared(cases[name](), asked.rounds)}
        print(rows[name], flush=True)
    written |= {
        "rows": [rows[name] for name in cases if name in rows],
        "machine": machine(),
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "command": f"python -m benchmarks.training --data cifar10/ --rounds {asked.rounds}",
    }
    RESULTS.write_text(json.dumps(written, indent=2) + "\n")


if __name__ == "__main__":
    main()
