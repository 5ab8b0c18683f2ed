"""Whether a data set of so many examples of one shape can be held at all, before the first shard is written."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from featherline.tasks.contracts.modalities.parameters import SIZE_KEY
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.data.sources.shards import Layout, example_bytes
from featherline.tasks.store.artifacts import Store
from featherline.tasks.store.blobs import FolderBlobs


def check_size(store: Store, examples: int, inputs: Mapping[str, Layout]) -> None:
    """Refuse a data set that does not fit on the disk of a folder store.

    Args:
        store: Where the shards go; of a bucket nobody knows how much it takes.
        examples: Of all splits.
        inputs: How each lies in a shard.
    """
    if not isinstance(store.blobs, FolderBlobs):
        return
    folder = store.blobs.folder
    existing: Path = next(path for path in (folder, *folder.parents) if path.exists())
    arrays = {name: of for name, of in inputs.items() if of.encoded_bytes is None}
    size = example_bytes(arrays) + sum(of.encoded_bytes for of in inputs.values() if of.encoded_bytes is not None)
    free, needed = shutil.disk_usage(existing).free, examples * size
    if needed > free:
        said = " and ".join("x".join(str(side) for side in of.shape) for of in inputs.values())
        said += ", encoded" if len(arrays) < len(inputs) else ""
        raise refuse(
            "preprocess cannot hold the data set",
            expected=f"at most {free / 1e9:.1f} GB, which is free at {store.uri}",
            got=f"{needed / 1e9:.1f} GB: {examples:,} examples of {said}",
            fix=f"give a smaller {SIZE_KEY} or a data.limit, or free the disk",
        )
