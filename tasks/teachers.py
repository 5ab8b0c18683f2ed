"""A teacher that is no model of the run: the user's own file, or the float baseline of a registered version.

.keras, .h5, SavedModel folder, s3://… ──► read as any foreign model, no code of it run ──► gives logits
"""

from __future__ import annotations

from typing import Any

from tasks.contracts.refusal import refuse
from tasks.foreign.read import read_model
from tasks.training.data import TrainingData


def read_teacher(source: str, data: TrainingData) -> Any:  # noqa: ANN401 - tf_keras has no types
    """Read a model file that is to teach on this data.

    Raises:
        Refused: It names a version of a registry, which nobody has looked up; or it cannot be used as a model file.
    """
    if source.startswith("models:"):
        raise refuse(
            f"the teacher {source} is no model file",
            expected="a .keras or .h5 file or a SavedModel folder, here or at s3://",
            got="a version of a registry, which `resolve` replaces by its float baseline in a run",
            fix="name it in a recipe; by hand give the file",
        )
    return read_model(source, data.image_shape, data.classes)
