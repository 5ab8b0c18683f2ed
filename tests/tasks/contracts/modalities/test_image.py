"""What only images have, as a recipe may give it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from featherline.tasks.contracts.fit import Fit
from featherline.tasks.contracts.modalities.image import ImageAugmentation, ImageIntake
from featherline.tasks.contracts.steps.preprocess import PreprocessParams


@pytest.mark.parametrize("pixel_range", [(1.0, 1.0), (255.0, 0.0)])
def test_black_is_below_white(pixel_range: tuple[float, float]) -> None:
    """A range of one value, or one turned round, means nothing."""
    with pytest.raises(ValidationError, match="white the larger number"):
        ImageIntake(pixel_range=pixel_range)

    assert ImageIntake(pixel_range=(0.0, 1.0)).pixel_range == (0.0, 1.0)


def test_sections_of_a_recipe_take_them_up() -> None:
    """They are keys of `data` and of `fit`, beside those that all data and all trainings have."""
    assert set(ImageIntake.model_fields) < set(PreprocessParams.model_fields)
    assert set(ImageAugmentation.model_fields) < set(Fit.model_fields)
