"""How much the loss of an example counts, by its class, where some classes are rare."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from featherline.tasks.contracts.problems.classification import ClassWeights
from featherline.tasks.contracts.refusal import Problem, Refused, did_you_mean


def of_classes(asked: ClassWeights, counts: NDArray[np.int64], vocabulary: Sequence[str]) -> NDArray[np.float32] | None:
    """Return the weight of each class; None where all count alike.

    Args:
        asked: Of the recipe. `balanced`: in inverse proportion to the class's examples. By name: those that are given,
            1 for the others.
        counts: (classes,), the examples that are learnt from; one at least.
        vocabulary: The names of the classes.

    Returns:
        (classes,), scaled so that their mean over the examples is 1, and with it the learning rate means what it meant.
        A class without an example has 0.

    Raises:
        Refused: A class is named that is not there.

    Source: King and Zeng 2001, section 4.2, https://doi.org/10.1093/oxfordjournals.pan.a004868 (balanced)
    """
    if asked == "none":
        return None
    if isinstance(asked, str):
        relative = 1 / np.maximum(counts, 1)
    else:
        _check_names(asked, vocabulary)
        relative = np.array([asked.get(name, 1.0) for name in vocabulary])
    relative = np.where(counts > 0, relative, 0.0)
    return np.asarray(relative * counts.sum() / (relative * counts).sum(), np.float32)


def _check_names(asked: dict[str, float], vocabulary: Sequence[str]) -> None:
    unknown = [name for name in asked if name not in vocabulary]
    if unknown:
        raise Refused(
            *(
                Problem(
                    "class_weights names a class that is not there",
                    f"one of the {len(vocabulary)} classes of the data",
                    name,
                    did_you_mean(name, vocabulary),
                )
                for name in unknown
            )
        )
