"""Preprocess: from any source of labelled examples to one kind of data set, in bounded memory.

    source ──► labels ──► splits ──► examples, encoded one by one ──► shards, samples, statistics ──► Dataset

The source is read twice: first the labels, so that splits are stratified, then the examples. The mean and the
standard deviation of train, by channel, are only computed here: what is done to an input belongs to each model and is
applied where the data are read, by `modalities.feeding`. Calibration is a part of train and stays in it.

    python -m featherline.tasks preprocess --request request.json --result result.json --store var/store

    request.json: {"params": {"name": "digits", "source": "digits"}}
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.dataset import (
    SPLITS,
    Dataset,
    InputSpec,
    Profile,
    Shape,
    Split,
    SplitName,
    Statistics,
    Unreadable,
)
from featherline.tasks.contracts.references import DatasetRef, SamplesRef
from featherline.tasks.contracts.refusal import MOST_EXAMPLES, Refused, refuse
from featherline.tasks.contracts.safe_text import visible
from featherline.tasks.contracts.steps.preprocess import PreprocessInputs, PreprocessOutputs, PreprocessParams
from featherline.tasks.data.dataset import Targets
from featherline.tasks.data.intake_words import intake_rows
from featherline.tasks.data.sources.budget import check_size
from featherline.tasks.data.sources.shards import SamplesWriter, SplitWriter
from featherline.tasks.data.sources.source import Source, SourceSplit, SourceTargets, Undecided
from featherline.tasks.data.sources.splits import TARGETS, UNUSED, Assignment, assign
from featherline.tasks.modalities.opening import open_modality, open_source
from featherline.tasks.modalities.protocol import Encoder, Modality
from featherline.tasks.problems.opening import problem_judged_by
from featherline.tasks.running.context import Context
from featherline.tasks.store.artifacts import Store

MOST_NAMES = 100
"""Of the vocabulary, that are printed."""


def preprocess(inputs: PreprocessInputs, params: PreprocessParams, context: Context) -> PreprocessOutputs:  # noqa: ARG001
    """Read the source into a data set.

    Raises:
        Refused: The source is absent, empty or of an unknown format, its labels or examples break a rule, or more
            examples than `max_corrupt_fraction` cannot be read.
    """
    source = open_source(params)
    problem = problem_judged_by(params.problem, params.quality)
    targets = problem.read_targets(source, params)
    strata = {split: problem.strata(rows) for split, rows in targets.by_split.items()}
    _tell(targets)
    assignments = assign(
        strata,
        test_fraction=params.test_fraction,
        validation_fraction=params.validation_fraction,
        calibration_count=params.calibration_count,
        limit=params.limit,
        seed=context.seed,
    )
    modalities = {name: open_modality(params.of_input(name).modality) for name in source.scales}
    encoders = {
        name: modality.encoder(name, params.of_input(name), source.log.of_input(name))
        for name, modality in modalities.items()
    }
    writing = _Writing(source, modalities, targets, strata, assignments, params, context.store)
    try:
        splits, samples = writing.write(encoders)
    except Undecided:
        encoders = writing.look_at_all(encoders)
        splits, samples = writing.write(encoders)
    for name, encoder in encoders.items():
        encoder.check_content(splits["train"].profiles[name].std, splits["train"].count)
    intake = source.log.report({split: len(rows) for split, rows in targets.by_split.items()})
    dataset = Dataset(
        name=params.name,
        inputs={
            name: _spec(modalities[name], params.of_input(name), encoder, splits["train"].profiles[name], scale)
            for (name, encoder), scale in zip(encoders.items(), source.scales.values(), strict=True)
        },
        problem=problem.name,
        vocabulary=targets.vocabulary,
        splits=splits,
        samples=samples,
        corrupt=_corrupt(encoders),
        intake=intake,
    )
    for what, words in intake_rows(dataset):
        print(f"preprocess: {what}: {words}")
    return PreprocessOutputs(data=context.store.put(dataset, DatasetRef))


def _tell(targets: SourceTargets) -> None:
    """Print the examples of each split of the source, and the vocabulary."""
    counts, names = {split: len(rows) for split, rows in targets.by_split.items()}, targets.vocabulary
    of = f"a vocabulary of {len(names)}; " if names else ""
    print(f"preprocess: {of}examples: {', '.join(f'{count:,} in {split}' for split, count in counts.items())}")
    if names:
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        print(f"preprocess: the vocabulary is {', '.join(visible(name) for name in names[:MOST_NAMES])}{more}")


@dataclass(frozen=True)
class _Writing:
    """What the data set is made of."""

    source: Source
    modalities: Mapping[str, Modality]
    targets: SourceTargets
    strata: Mapping[SourceSplit, NDArray[np.int64]]
    assignments: Mapping[SourceSplit, Assignment]
    params: PreprocessParams
    store: Store

    @property
    def _strata_count(self) -> int:
        most = max(int(rows.max(initial=-1)) for rows in self.strata.values())
        return max(len(self.targets.vocabulary), most + 1)

    def look_at_all(self, encoders: Mapping[str, Encoder]) -> dict[str, Encoder]:
        """Look at all examples that have a place, and return the encoders that know what there is to know of them.

        Raises:
            Refused: It cannot be known.
        """
        print("preprocess: looks at all examples once before, for the range of their values")
        for split, assignment in self.assignments.items():
            for row, example in self.source.examples(split, assignment.target != UNUSED):
                for name, raw in example.items():
                    encoders[name].look(raw, self.source.where(split, row))
        problems = [problem for encoder in encoders.values() for problem in encoder.settle()]
        if problems:
            raise Refused(*problems)
        return {name: encoder.anew() for name, encoder in encoders.items()}

    def write(self, encoders: Mapping[str, Encoder]) -> tuple[dict[SplitName, Split], SamplesRef]:
        """Encode each example that has a place, and store it there. After the first misfit they are only checked."""
        total = sum(int((assignment.target != UNUSED).sum()) for assignment in self.assignments.values())
        started, writers = time.monotonic(), dict[SplitName, SplitWriter]()
        with (
            tempfile.TemporaryDirectory(prefix="featherline-") as folder,
            SamplesWriter(Path(folder, "samples.parquet"), self.modalities) as samples,
        ):
            for split, assignment in self.assignments.items():
                targets, strata = self.targets.by_split[split], self.strata[split]
                for row, example in self.source.examples(split, assignment.target != UNUSED):
                    where = self.source.where(split, row)
                    made = {name: encoders[name].encode(raw, where) for name, raw in example.items()}
                    whole = {name: values for name, values in made.items() if values is not None}
                    if len(whole) < len(encoders) or not all(encoder.sound for encoder in encoders.values()):
                        continue
                    writers = writers or self._writers(encoders, samples, targets, total)
                    places: list[SplitName] = [TARGETS[assignment.target[row]]]
                    places += ["calibration"] if assignment.calibration_mask[row] else []
                    for place in places:
                        if writers[place].add(whole, targets[row], int(strata[row])):
                            _tell_shard(place, _first(encoders).seen, total, started)
            problems = [
                problem
                for encoder in encoders.values()
                for problem in encoder.problems(self.params.max_corrupt_fraction)
            ]
            if problems:
                raise Refused(*problems)
            splits = {name: writer.finish(self.source.scales) for name, writer in writers.items()}
            _check_none_is_empty(splits, encoders)
            return splits, samples.put(self.store)

    def _writers(
        self, encoders: Mapping[str, Encoder], samples: SamplesWriter, targets: Targets, total: int
    ) -> dict[SplitName, SplitWriter]:
        layouts = {name: _Layout(encoder.shape or (), encoder.dtype) for name, encoder in encoders.items()}
        check_size(self.store, total, layouts)
        return {
            name: SplitWriter(
                name,
                self.store,
                samples,
                inputs=layouts,
                targets=targets,
                strata=self._strata_count,
                shard_size=self.params.shard_size,
            )
            for name in SPLITS
        }


@dataclass(frozen=True)
class _Layout:
    shape: Shape
    dtype: str


def _first(encoders: Mapping[str, Encoder]) -> Encoder:
    return next(iter(encoders.values()))


def _corrupt(encoders: Mapping[str, Encoder]) -> Unreadable:
    """Return the corrupt examples of all inputs; one that is corrupt in two of them is counted in both."""
    found = [encoder.report() for encoder in encoders.values()]
    told = tuple(example for each in found for example in each.examples)
    return Unreadable(count=sum(each.count for each in found), examples=told[:MOST_EXAMPLES])


def _check_none_is_empty(splits: Mapping[SplitName, Split], encoders: Mapping[str, Encoder]) -> None:
    """Refuse where corrupt examples, although allowed, were all that a split had."""
    empty = [name for name, split in splits.items() if split.count == 0]
    if empty:
        corrupt = _corrupt(encoders)
        raise refuse(
            f"preprocess is left with no example in {' and '.join(empty)}",
            expected="at least 1 example in each split that can be read",
            got=f"corrupt examples, of {_first(encoders).seen} examples {corrupt.count}: {', '.join(corrupt.examples)}",
            fix="replace the corrupt examples",
        )


def _spec(modality: Modality, params: PreprocessParams, encoder: Encoder, train: Profile, scale: float) -> InputSpec:
    """Return what an input is, with train's statistics; a channel that never changes is only centred."""
    std = tuple(float(value) if value > 0 else 1.0 for value in train.std)
    return InputSpec(
        modality=modality.name,
        shape=encoder.shape or (),
        dtype=encoder.dtype,
        statistics=Statistics(scale=scale, mean=train.mean, std=std),
        resize=modality.resized(params),
    )


def _tell_shard(split: str, done: int, total: int, started: float) -> None:
    seconds = time.monotonic() - started
    left = seconds / done * (total - done)
    print(f"preprocess: a shard of {split} is full; {done:,} of {total:,} examples, {left:.0f} s left")
