"""Preprocess: from any source of labelled images to one kind of data set, in bounded memory.

    source ──► labels ──► splits ──► images, decoded one by one ──► shards (uint8), samples, statistics ──► Dataset

The source is read twice: first the labels, so that splits are stratified, then the images. The mean and the
standard deviation of train, by channel, are only computed here: what is done to a pixel belongs to each model and is
applied where the data are read, by `modalities.image.preprocessing`. Calibration is a part of train and stays in it.

    python -m featherline.tasks preprocess --request request.json --result result.json --store var/store

    request.json: {"params": {"name": "digits", "source": "digits"}}
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from featherline.tasks.contracts.dataset import Dataset, Normalisation, Split, SplitName
from featherline.tasks.contracts.references import DatasetRef, SamplesRef
from featherline.tasks.contracts.refusal import Refused, refuse
from featherline.tasks.contracts.safe_text import visible
from featherline.tasks.contracts.steps.preprocess import PreprocessInputs, PreprocessOutputs, PreprocessParams
from featherline.tasks.data.intake_words import intake_rows
from featherline.tasks.data.sources.budget import check_size
from featherline.tasks.data.sources.labels import Labels, read_labels
from featherline.tasks.data.sources.shards import SamplesWriter, SplitWriter
from featherline.tasks.data.sources.source import Source, SourceSplit
from featherline.tasks.data.sources.splits import TARGETS, UNUSED, Assignment, assign
from featherline.tasks.modalities.image.decoder import Decoder
from featherline.tasks.modalities.image.deep_pixels import Ranges, Undecided
from featherline.tasks.modalities.image.open import open_source
from featherline.tasks.running.context import Context
from featherline.tasks.store.artifacts import Store

MOST_NAMES = 100
"""Class names that are printed."""

SPLITS: tuple[SplitName, ...] = ("train", "validation", "calibration", "test")


def preprocess(inputs: PreprocessInputs, params: PreprocessParams, context: Context) -> PreprocessOutputs:  # noqa: ARG001
    """Read the source into a data set.

    Raises:
        Refused: The source is absent, empty or of an unknown format, its labels or images break a rule, or more images
            than `max_corrupt_fraction` cannot be read.
    """
    source = open_source(params)
    labels = read_labels(source, params.classes)
    _tell_classes(labels)
    assignments = assign(
        labels.by_split,
        test_fraction=params.test_fraction,
        validation_fraction=params.validation_fraction,
        calibration_count=params.calibration_count,
        limit=params.limit,
        seed=context.seed,
    )
    decoder = Decoder(
        params.image_size, params.channels, params.background, source.log, Ranges(given=params.pixel_range)
    )
    try:
        splits, samples = _write(source, labels, assignments, decoder, params=params, store=context.store)
    except Undecided:
        decoder = _look_at_all(source, assignments, decoder)
        splits, samples = _write(source, labels, assignments, decoder, params=params, store=context.store)
    _check_something_is_seen(splits["train"], params.pixel_range)
    assert decoder.shape is not None  # noqa: S101 - an image was decoded, else `_write` refuses
    intake = source.log.report({split: len(rows) for split, rows in labels.by_split.items()})
    dataset = Dataset(
        name=params.name,
        image_shape=decoder.shape,
        classes=labels.classes,
        normalisation=_normalisation(splits["train"], source.scale),
        splits=splits,
        samples=samples,
        corrupt=decoder.report(),
        intake=intake,
    )
    for what, words in intake_rows(dataset):
        print(f"preprocess: {what}: {words}")
    return PreprocessOutputs(data=context.store.put(dataset, DatasetRef))


def _tell_classes(labels: Labels) -> None:
    """Print the images of each split of the source, and the classes by name."""
    counts = ", ".join(f"{len(rows):,} in {split}" for split, rows in labels.by_split.items())
    names = ", ".join(visible(name) for name in labels.classes[:MOST_NAMES])
    more = f" and {len(labels.classes) - MOST_NAMES} more" if len(labels.classes) > MOST_NAMES else ""
    print(f"preprocess: {len(labels.classes)} classes; images: {counts}")
    print(f"preprocess: the classes are {names}{more}")


def _look_at_all(source: Source, assignments: dict[SourceSplit, Assignment], decoder: Decoder) -> Decoder:
    """Find the range of deep pixels over all images that have a place, and return the decoder that knows it.

    Raises:
        Refused: The values tell no range.
    """
    print("preprocess: looks at all images once before, for the range of their pixels")
    for split, assignment in assignments.items():
        for row, image in source.images(split, assignment.target != UNUSED):
            decoder.look(image, source.where(split, row))
    problems = decoder.ranges.settle()
    if problems:
        raise Refused(*problems)
    return decoder.anew()


def _write(
    source: Source,
    labels: Labels,
    assignments: dict[SourceSplit, Assignment],
    decoder: Decoder,
    *,
    params: PreprocessParams,
    store: Store,
) -> tuple[dict[SplitName, Split], SamplesRef]:
    """Decode every image that has a place, and store it there. After the first misfit images are only checked."""
    total = sum(int((assignment.target != UNUSED).sum()) for assignment in assignments.values())
    started, writers = time.monotonic(), dict[SplitName, SplitWriter]()
    with (
        tempfile.TemporaryDirectory(prefix="featherline-") as folder,
        SamplesWriter(Path(folder, "samples.parquet")) as samples,
    ):
        for split, assignment in assignments.items():
            for row, image in source.images(split, assignment.target != UNUSED):
                pixels = decoder.decode(image, source.where(split, row))
                if pixels is None or not decoder.sound or decoder.shape is None:
                    continue
                if not writers:
                    check_size(store, total, decoder.shape)
                    writers = {
                        name: SplitWriter(
                            name,
                            store,
                            samples,
                            shape=decoder.shape,
                            classes=len(labels.classes),
                            shard_size=params.shard_size,
                        )
                        for name in SPLITS
                    }
                places: list[SplitName] = [TARGETS[assignment.target[row]]]
                places += ["calibration"] if assignment.calibration_mask[row] else []
                for place in places:
                    if writers[place].add(pixels, int(labels.by_split[split][row])):
                        _tell(place, decoder.seen, total, started)
        problems = decoder.problems(params.max_corrupt_fraction)
        if problems:
            raise Refused(*problems)
        splits = {name: writer.finish(source.scale) for name, writer in writers.items()}
        _check_none_is_empty(splits, decoder)
        return splits, samples.put(store)


def _check_none_is_empty(splits: dict[SplitName, Split], decoder: Decoder) -> None:
    """Refuse where corrupt images, although allowed, were all that a split had."""
    empty = [name for name, split in splits.items() if split.count == 0]
    if empty:
        raise refuse(
            f"preprocess is left with no image in {' and '.join(empty)}",
            expected="at least 1 image in each split that can be read",
            got=f"corrupt images, of {decoder.seen} images {decoder.corrupt}",
            fix="replace the corrupt images",
        )


def _check_something_is_seen(train: Split, given: tuple[float, float] | None) -> None:
    """Refuse a range of pixels that makes one value of all of them, as one of 32 bits does of bytes."""
    if given is not None and max(train.pixel_std) == 0:
        raise refuse(
            "preprocess meets images in which nothing is to be seen",
            expected="pixels of at least two values",
            got=f"one value alone in all {train.count:,} images of train",
            fix=f"correct data.pixel_range, which is {list(given)}",
        )


def _normalisation(train: Split, scale: float) -> Normalisation:
    """Return the normalisation by train's statistics; a channel that never changes is only centred."""
    std = tuple(float(value) if value > 0 else 1.0 for value in np.asarray(train.pixel_std))
    return Normalisation(scale=scale, mean=train.pixel_mean, std=std)


def _tell(split: str, done: int, total: int, started: float) -> None:
    seconds = time.monotonic() - started
    left = seconds / done * (total - done)
    print(f"preprocess: a shard of {split} is full; {done:,} of {total:,} images, {left:.0f} s left")
