"""The digits that scikit-learn bundles: 1,797 images of 8x8x1, pixels 0 to 16, ten classes. The offline default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from featherline.tasks.data.sources.intake import IntakeLog
from featherline.tasks.data.sources.source import Label, RawExample, SourceSplit
from featherline.tasks.modalities.image.preprocessing import IMAGE


class DigitsSource:
    """Alpaydin and Kaynak 1998, https://doi.org/10.24432/C50P49."""

    def __init__(self) -> None:
        """Load them: 0.1 MB that come with the library."""
        digits = load_digits()
        self.scales: Mapping[str, float] = {IMAGE: 16.0}
        self.log = IntakeLog(format="digits")
        self.vocabulary: tuple[str, ...] | None = tuple(str(name) for name in digits.target_names)
        self.splits: tuple[SourceSplit, ...] = ("all",)
        self._images: NDArray[np.uint8] = digits.images.astype(np.uint8)[..., np.newaxis]
        self._labels: list[Label] = [int(label) for label in digits.target]

    def labels(self, split: SourceSplit) -> Iterator[list[Label]]:  # noqa: ARG002 - there is one
        """Yield all labels at once."""
        yield self._labels

    def examples(self, split: SourceSplit, wanted: NDArray[np.bool_]) -> Iterator[tuple[int, dict[str, RawExample]]]:  # noqa: ARG002
        """Yield the images that are wanted."""
        for row in np.flatnonzero(wanted):
            yield int(row), {IMAGE: self._images[row]}

    def where(self, split: SourceSplit, row: int) -> str:  # noqa: ARG002
        """Return the row."""
        return f"digits:{row}"
