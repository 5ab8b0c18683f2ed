"""The table of what Airflow must know of each step."""

from __future__ import annotations

from pathlib import Path

from featherline.airflow.operators.keys import SIGNING, VERIFYING, key_of
from featherline.airflow.steps import STEPS
from featherline.tasks.contracts import steps as contracts


def test_each_step_has_a_row():
    """Every step that has contracts, and nothing else."""
    assert set(STEPS) == {path.stem for path in Path(contracts.__path__[0]).glob("[a-z]*.py")}


def test_only_what_trains_takes_a_gpu():
    """Nothing else would use it."""
    assert {name for name, step in STEPS.items() if step.resources.gpu} == {
        *("train", "search", "prune", "distill", "trim", "quantize")
    }


def test_three_steps_see_a_key():
    """Who signs and who makes sure that there is a key see the private one, who verifies the public one."""
    keys = {name: key_of(name) for name in STEPS}

    assert {name: key for name, key in keys.items() if key} == {
        "resolve": SIGNING,
        "publish": SIGNING,
        "promote": VERIFYING,
    }
