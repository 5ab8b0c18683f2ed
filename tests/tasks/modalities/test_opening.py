"""Modalities by name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.modalities.opening import MODALITIES, open_modality
from featherline.tasks.modalities.opening_views import open_views

UNLOADED = "import sys; from featherline.tasks.modalities.opening import open_modality; open_modality('image')"


@pytest.mark.parametrize("name", sorted(MODALITIES))
def test_each_is_opened_by_its_name(name: str) -> None:
    """The name in the table is the one that it calls itself by."""
    assert open_modality(name).name == name


def test_an_unknown_one_is_refused_with_a_close_match() -> None:
    """A typo is named beside what may have been meant."""
    with pytest.raises(Refused) as refused:
        open_modality("imge")

    assert (refused.value.problems[0].got, refused.value.problems[0].fix) == ("imge", "did you mean image?")


def test_what_has_no_views_is_seen_as_it_is() -> None:
    """Only a modality that has an entry varies its examples."""
    assert open_views("nothing of the kind") is None


def test_a_gate_that_opens_one_loads_no_tensorflow() -> None:
    """The views of a training are another module."""
    code = f"{UNLOADED}; assert 'tensorflow' not in sys.modules and 'tf_keras' not in sys.modules"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
