"""The same recipe, data and seed end in the same release, whatever the number of workers of the search."""

from __future__ import annotations

from pathlib import Path

import pytest

from featherline.tasks.contracts.request import Variable
from tests.tasks.whole_run import WholeRun

RECIPE = """
name: small
data: {source: digits, calibration_count: 50, checks: {min_examples: 100}}
model: {builder: cnn, options: {widths: [16, 16], dense: 0}}
train: {epochs: 8, batch_size: 64, optimizer: adam, learning_rate: 0.01, checks: {min_accuracy: 0.2}}
search:
  space: {builder: ds_cnn, choices: {stem: [8, 16], width: [8, 16], blocks: [1, 2]}}
  trials: 5
  workers: 2
  in_flight: 2
  sampler: nsga2
  population: 2
  epochs: 2
  fit: &short {batch_size: 64, optimizer: adam, learning_rate: 0.01}
  keep: 1
candidates:
  searched-int8:
    student: searched
    distill: {method: logits, fit: {<<: *short, epochs: 12}}
    quantize: {scheme: int8}
device: any
gate: {max_drop: 0.9, max_class_drop: 1, min_accuracy: 0.2}
release: {approve: never, accept_unproven: true, sign: false}
"""


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the variables of the steps as they were."""
    for name in (Variable.STORE, Variable.STUDIES, Variable.RECIPES, "PYTHONPATH"):
        monkeypatch.setenv(name, "")


@pytest.mark.usefixtures("environment")
def test_one_worker_and_two_end_in_the_same_release(tmp_path: Path) -> None:
    """Two whole runs in fresh stores: equal `.tflite` files of every candidate, the same winner, one release digest."""
    (tmp_path / "small.yaml").write_text(RECIPE)
    (tmp_path / "devices").mkdir()
    (tmp_path / "devices" / "any.yaml").write_text("name: any\ndescription: All fits.\nbudget: {size_bytes: 1000000}\n")
    runs = []
    for workers in (1, 2):
        run = WholeRun(tmp_path / f"{workers}", recipes=tmp_path, run_id=f"with-{workers}")
        run.folder.mkdir()
        run.run("small", {"search.workers": workers})
        runs.append(run)

    one, two = (run.files() for run in runs)
    released = [run.results["publish", ""]["release"]["model_sha256"] for run in runs]
    assert one == two
    assert len(set(one.values())) == 2  # the baseline and the searched one
    assert released == [one[run.results["select", ""]["winner"]] for run in runs]
