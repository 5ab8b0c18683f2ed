"""Whether a data set of so many images of one shape can be held at all, before the first shard is written."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

from featherline.tasks.contracts.dataset import ImageShape
from featherline.tasks.contracts.refusal import refuse
from featherline.tasks.store.artifacts import Store
from featherline.tasks.store.blobs import FolderBlobs


def check_size(store: Store, images: int, shape: ImageShape) -> None:
    """Refuse a data set that does not fit on the disk of a folder store.

    Args:
        store: Where the shards go; of a bucket nobody knows how much it takes.
        images: Of all splits.
        shape: Of each, a byte a value.
    """
    if not isinstance(store.blobs, FolderBlobs):
        return
    folder = store.blobs.folder
    existing: Path = next(path for path in (folder, *folder.parents) if path.exists())
    free, needed = shutil.disk_usage(existing).free, images * math.prod(shape)
    if needed > free:
        raise refuse(
            "preprocess cannot hold the data set",
            expected=f"at most {free / 1e9:.1f} GB, which is free at {store.uri}",
            got=f"{needed / 1e9:.1f} GB: {images:,} images of {'x'.join(str(side) for side in shape)}",
            fix="give a smaller data.image_size or a data.limit, or free the disk",
        )
