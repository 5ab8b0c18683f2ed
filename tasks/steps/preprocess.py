"""Preprocess: from any source of labelled examples to one kind of data set, in bounded memory.

    source ──► labels ──► splits ──► examples, encoded one by one ──► shards, samples, statistics ──► Dataset

The source is read twice: first the labels, so that splits are stratified, then the examples. The mean and the
standard deviation of train, by channel, are only computed here: what is done to an input belongs to each model and is
applied where the data are read, by `modalities.feeding`. Calibration is a part of train and stays in it.

    python -m featherline.tasks preprocess --request request.json --result result.json --store var/store

    request.json: {"params": {"name": "digits", "source": "digits"}}
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    Storage,
    Unreadable,
)
from featherline.tasks.contracts.references import DatasetRef, SamplesRef
from featherline.tasks.contracts.refusal import MOST_EXAMPLES, Refused, refuse
from featherline.tasks.contracts.safe_text import visible
from featherline.tasks.contracts.steps.preprocess import PreprocessInputs, PreprocessOutputs, PreprocessParams
from featherline.tasks.data.dataset import Targets
from featherline.tasks.data.intake_words import intake_rows
from featherline.tasks.data.sources.budget import check_size
from featherline.tasks.data.sources.decoding import Whole, Work, Worked
from featherline.tasks.data.sources.shards import SamplesWriter, SplitWriter, example_bytes
from featherline.tasks.data.sources.source import Source, SourceSplit, SourceTargets, Undecided
from featherline.tasks.data.sources.splits import TARGETS, UNUSED, Assignment, assign
from featherline.tasks.data.sources.storage import Stored, choose, spread
from featherline.tasks.modalities.opening import open_modality, open_source
from featherline.tasks.modalities.protocol import Encoder, Modality
from featherline.tasks.problems.opening import problem_judged_by
from featherline.tasks.running.context import Context
from featherline.tasks.running.workers import Workers
from featherline.tasks.store.artifacts import Store

CHUNK_ROWS, CHUNK_BYTES = 256, 4 * 2**20
"""Examples that are decoded together, and the bytes of them, as they come and as they become."""
TELL_EVERY_S = 5
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
        storage = writing.storage(encoders)
        splits, samples = writing.write(encoders, storage)
    except Undecided:
        encoders = writing.look_at_all(encoders)
        storage = writing.storage(encoders)
        splits, samples = writing.write(encoders, storage)
    for name, encoder in encoders.items():
        encoder.check_content(splits["train"].profiles[name].std, splits["train"].count)
    profiles = splits["train"].profiles
    intake = source.log.report({split: len(rows) for split, rows in targets.by_split.items()})
    dataset = Dataset(
        name=params.name,
        inputs={
            name: _spec(modalities[name], params.of_input(name), encoder, profiles[name], scale).stored_as(
                storage[name].storage
            )
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
    def _total(self) -> int:
        return sum(int((assignment.target != UNUSED).sum()) for assignment in self.assignments.values())

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

    def storage(self, encoders: Mapping[str, Encoder]) -> dict[str, Stored]:
        """Choose how each input is stored.

        Raises:
            Undecided: What is known of the examples does not let the sample be decoded.
        """
        split = max(self.assignments, key=lambda split: len(self.assignments[split].target))
        mask = spread(self.assignments[split].target != UNUSED)
        found = {}
        for name, encoder in encoders.items():
            examples = (example for _, example in itertools.islice(self.source.examples(split, mask), int(mask.sum())))
            asked = self.params.of_input(name).storage
            found[name] = choose(name, asked, examples, encoder.decoding(), encoder.packing())
            if found[name].words:
                print(f"preprocess: {name} is stored {found[name].storage}: {found[name].words}")
        return found

    def write(
        self, encoders: Mapping[str, Encoder], storage: Mapping[str, Stored]
    ) -> tuple[dict[SplitName, Split], SamplesRef]:
        """Decode each example that has a place, and store it there. After the first misfit they are only checked."""
        progress, writers = _Progress(self._total), dict[SplitName, SplitWriter]()
        packings = {name: encoder.packing() for name, encoder in encoders.items()}
        work = Work(
            {name: encoder.decoding() for name, encoder in encoders.items()},
            self.modalities,
            {name: pack for name, pack in packings.items() if pack and storage[name].storage == "encoded"},
        )
        with (
            tempfile.TemporaryDirectory(prefix="featherline-") as folder,
            SamplesWriter(Path(folder, "samples.parquet"), self.modalities) as samples,
            Workers[list[Mapping[str, Any]], Worked](work) as workers,
        ):
            for split in self.assignments:
                for rows, worked in self._worked(split, encoders, workers):
                    where = [self.source.where(split, row) for row in rows.tolist()]
                    accepted_mask = _accepted(worked, where, encoders)
                    whole = worked.accepted(accepted_mask)
                    if whole is not None and all(encoder.sound for encoder in encoders.values()):
                        layouts = _layouts(encoders, storage)
                        writers = writers or self._writers(layouts, samples, self.targets.by_split[split])
                        self._add(split, rows, whole, writers)
                    progress.tell(_first(encoders).seen)
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

    def _worked(
        self,
        split: SourceSplit,
        encoders: Mapping[str, Encoder],
        workers: Workers[list[Mapping[str, Any]], Worked],
    ) -> Iterator[tuple[NDArray[np.intp], Worked]]:
        """Yield the rows of a split that have a place and what came of them, in their order."""
        rows: deque[NDArray[np.intp]] = deque()

        def chunks() -> Iterator[list[Mapping[str, Any]]]:
            chunk: list[Mapping[str, Any]] = []
            held: list[int] = []
            size = 0
            for row, example in self.source.examples(split, self.assignments[split].target != UNUSED):
                chunk.append(example)
                held.append(row)
                size += sum(map(_size, example.values()))
                if size >= CHUNK_BYTES or len(chunk) >= _chunk_rows(encoders):
                    rows.append(np.asarray(held))
                    yield chunk
                    chunk, held, size = [], [], 0
            if chunk:
                rows.append(np.asarray(held))
                yield chunk

        for worked in workers.map(chunks()):
            yield rows.popleft(), worked

    def _add(
        self, split: SourceSplit, rows: NDArray[np.intp], whole: Whole, writers: Mapping[SplitName, SplitWriter]
    ) -> None:
        """Give whole examples to the splits that they are assigned to."""
        assignment, at = self.assignments[split], rows[whole.rows]
        masks: dict[SplitName, NDArray[np.bool_]] = {
            place: assignment.target[at] == code for code, place in enumerate(TARGETS)
        }
        masks["calibration"] = assignment.calibration_mask[at]
        for place, mask in masks.items():
            if mask.any():
                chosen = np.flatnonzero(mask)
                targets, strata = self.targets.by_split[split][at[chosen]], self.strata[split][at[chosen]]
                writers[place].add(whole.of(chosen), targets, strata)

    def _writers(
        self, layouts: Mapping[str, _Layout], samples: SamplesWriter, targets: Targets
    ) -> dict[SplitName, SplitWriter]:
        check_size(self.store, self._total, layouts)
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
    storage: Storage = "array"
    encoded_bytes: float | None = None


def _layouts(encoders: Mapping[str, Encoder], storage: Mapping[str, Stored]) -> dict[str, _Layout]:
    return {
        name: _Layout(encoder.shape or (), encoder.dtype, storage[name].storage, storage[name].example_bytes)
        for name, encoder in encoders.items()
    }


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


def _accepted(worked: Worked, where: Sequence[str], encoders: Mapping[str, Encoder]) -> NDArray[np.bool_]:
    """Tell the encoders of every example, and return where all inputs were accepted."""
    found = [
        [encoders[name].accept(one, place) for name, one in example.items()]
        for example, place in zip(worked.decoded, where, strict=True)
    ]
    return np.asarray([all(inputs) for inputs in found], bool)


def _chunk_rows(encoders: Mapping[str, Encoder]) -> int:
    """Return how many examples are decoded together: one until their shape is known."""
    if any(encoder.shape is None for encoder in encoders.values()):
        return 1
    layouts = {name: _Layout(encoder.shape or (), encoder.dtype) for name, encoder in encoders.items()}
    return max(1, min(CHUNK_ROWS, CHUNK_BYTES // example_bytes(layouts)))


def _size(raw: Any) -> int:  # noqa: ANN401 - what the source gives
    return len(raw) if isinstance(raw, bytes) else getattr(raw, "nbytes", 0)


class _Progress:
    """Says now and then how far it is."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._started = self._told = time.monotonic()

    def tell(self, done: int) -> None:
        """Say so, where it was not said for a while."""
        now = time.monotonic()
        if now - self._told < TELL_EVERY_S or not done:
            return
        self._told = now
        left = (now - self._started) / done * (self._total - done)
        print(f"preprocess: {done:,} of {self._total:,} examples, {left:.0f} s left")
