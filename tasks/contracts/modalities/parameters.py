"""The parameters of all modalities, put together: what other contracts take up without naming any of them.

A modality adds its own here, as a further base of a class or a further branch of a union; no other contract changes.
"""

from __future__ import annotations

from featherline.tasks.contracts.modalities import image


class Intake(image.ImageIntake):
    """How examples are found in a source, and what they are brought to."""


class Augmentation(image.ImageAugmentation):
    """Random views of the examples that a network learns from."""


EXAMPLES_CALLED: tuple[str, ...] = image.CALLED
"""What people call examples in the names of folders and files."""

SIZE_KEY = image.SIZE_KEY
"""Of a recipe, that says how large examples are, for messages."""

NamedPreprocessing = image.NamedPreprocessing
"""What a preprocessing may be called."""

PreprocessingChoice = image.PreprocessingChoice
"""In a recipe: a name, or the numbers."""
