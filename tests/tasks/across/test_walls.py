"""What the steps of the gate may load."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "featherline.tasks.steps.validate_metrics": ("tensorflow", "tf_keras", "matplotlib", "airflow"),
    "featherline.tasks.steps.select": (
        "tensorflow",
        "tf_keras",
        "matplotlib",
        "airflow",
        "great_expectations",
        "pandas",
    ),
    "featherline.tasks.steps.report": ("tensorflow", "tf_keras", "airflow", "great_expectations", "matplotlib.pyplot"),
}


@pytest.mark.parametrize("module", HEAVY)
def test_a_step_loads_what_it_needs_alone(module: str):
    """Seconds of a run are spent on imports: none of these loads TensorFlow, and only the gate loads its suite."""
    code = f"import sys, {module}; print([name for name in {HEAVY[module]!r} if name in sys.modules])"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert loaded.stdout.strip() == "[]"
