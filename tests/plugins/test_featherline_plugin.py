"""What Airflow's own loader takes from the folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from featherline.airflow.featherline_plugin import registry_views

ROOT = Path(__file__).resolve().parents[2]

LOADED = """
import sys
from airflow import plugins_manager
before = set(sys.modules)
plugins, errors = plugins_manager._get_plugins()
folder = {str(getattr(module, "__file__", "")) for module in sys.modules.values()}
print(sorted(plugin.name for plugin in plugins if plugin.name == "featherline"), errors)
print(sorted(path for path in folder if path.startswith(sys.argv[1])))
"""


def test_airflow_loads_one_file_of_the_folder(tmp_path: Path):
    """Every other module would be loaded a second time under its bare name, and hide what has that name."""
    plugins = ROOT / "plugins"
    environment = os.environ | {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(plugins),
        "PYTHONPATH": str(ROOT),
    }

    done = subprocess.run(
        [sys.executable, "-c", LOADED, str(plugins)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    found = done.stdout.splitlines()[-2:]
    assert found == ["['featherline'] {}", f"['{plugins}/featherline_plugin.py']"]


def test_the_menu_leads_to_the_registry_where_there_is_one(monkeypatch: pytest.MonkeyPatch):
    """An entry that leads nowhere is none."""
    assert registry_views() == []

    monkeypatch.setenv("AIRFLOW__FEATHERLINE__REGISTRY_UI", "http://127.0.0.1:5000")

    assert registry_views()[0]["href"] == "http://127.0.0.1:5000"
