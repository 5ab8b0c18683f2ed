"""Opening a split of a data set to be read piece by piece, whatever its inputs are and however they are stored."""

from __future__ import annotations

from functools import partial

from featherline.tasks.contracts.dataset import Dataset, SplitName
from featherline.tasks.data.reading import SplitReader
from featherline.tasks.modalities.opening import open_modality
from featherline.tasks.store.artifacts import Store


def open_split(store: Store, dataset: Dataset, split: SplitName) -> SplitReader:
    """Return a reader of a split, which its user closes, best by `with`.

    Raises:
        Damaged: A shard is gone, or does not hash to its reference.
        Refused: One is whole, and does not hold what the data set says.
    """
    decoders = {
        name: partial(open_modality(spec.modality).decode, spec=spec)
        for name, spec in dataset.inputs.items()
        if spec.storage == "encoded"
    }
    return SplitReader(store, dataset, split, decoders)
