"""The same recipe, data and seed end in the same release, whatever the number of workers of the search."""

from __future__ import annotations

from pathlib import Path

import pytest

from featherline.tasks.contracts.request import Variable
from tests.tasks.whole_run import small_run


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the variables of the steps as they were."""
    for name in (Variable.STORE, Variable.STUDIES, Variable.RECIPES, "PYTHONPATH"):
        monkeypatch.setenv(name, "")


@pytest.mark.usefixtures("environment")
def test_one_worker_and_two_end_in_the_same_release(tmp_path: Path) -> None:
    """Two whole runs in fresh stores: equal `.tflite` files of every candidate, the same winner, one release digest."""
    runs = [small_run(tmp_path / f"{workers}", {"search.workers": workers}) for workers in (1, 2)]

    one, two = (run.files() for run in runs)
    released = [run.results["publish", ""]["release"]["model_sha256"] for run in runs]
    assert one == two
    assert len(set(one.values())) == 2  # the baseline and the searched one
    assert released == [one[run.results["select", ""]["winner"]] for run in runs]
