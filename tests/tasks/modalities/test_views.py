"""Random views of all inputs of a batch."""

from __future__ import annotations

import pytest

from featherline.tasks.contracts.fit import Fit
from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.modalities.views import InputViews
from featherline.tasks.networks.framework import tf

SPEC = tf.TensorSpec((None, 8, 8, 1), tf.float32)


def test_views_that_no_input_can_have_are_refused() -> None:
    """Vectors are not cropped, and it is said by the key; beside an image they stay as they are."""
    with pytest.raises(Refused) as refusal:
        InputViews({"left": "vector"}).check(Fit(crop=2), tf.TensorSpec((None, 3), tf.float32))

    assert (refusal.value.problems[0].got, refusal.value.problems[0].fix) == ("crop: 2", "leave crop out")
    InputViews({"left": "vector"}).check(Fit(), tf.TensorSpec((None, 3), tf.float32))
    InputViews({"image": "image", "left": "vector"}).check(Fit(crop=2), {"image": SPEC, "left": SPEC})
