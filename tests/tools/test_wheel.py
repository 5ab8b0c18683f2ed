"""The wheel: whole whichever way it is built, and at home beside packages of the same names as our folders.

The folders `tasks`, `plugins` and `dags` are links in `featherline/` of the checkout, and are put there by rewrites in
the wheel. Were the wheel made by the links, the one that is built through a source distribution would lack `dags`
without a word, since hatchling visits each inode once.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("hatchling") is None, reason="hatchling is not installed; `make test` brings it"
)

ROOT = Path(__file__).parents[2]
AIRFLOW = ROOT / ".venvs" / "airflow" / "bin" / "python"
PLACES = {"tasks": "featherline/tasks", "plugins": "featherline/airflow", "dags": "featherline/dags"}
"""Where each folder of the checkout lies in the wheel."""


def build(target: str, checkout: Path, folder: Path) -> Path:
    """Build a wheel or a source distribution, without a network."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(folder)]
    subprocess.run(command, cwd=checkout, check=True, capture_output=True)
    (built,) = folder.iterdir()
    return built


def names(wheel: Path) -> set[str]:
    """Return the files of a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the wheel of the checkout."""
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of packages with the wheel in it, and with a team's own `tasks`, `plugins` and `dags`."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)  # noqa: S202 - our own
    for package in PLACES:
        (folder / package).mkdir()
        (folder / package / "__init__.py").write_text(f'OWNER = "the team of {package}"\n')
    return folder


def run(python: str, site: Path, *words: str) -> str:
    """Return what Python prints with these packages before all others, from a folder that holds nothing."""
    elsewhere = site.parent / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    environment = os.environ | {"PYTHONPATH": str(site), "AIRFLOW_HOME": str(elsewhere)}
    done = subprocess.run([python, *words], cwd=elsewhere, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_has_every_file_of_the_folders(wheel: Path):
    """Templates of the report among them, and nothing under the folders' own names."""
    packed = names(wheel)

    for folder, place in PLACES.items():
        files = {file.relative_to(ROOT / folder) for file in (ROOT / folder).rglob("*") if file.is_file()}
        own = {f"{place}/{file}" for file in files if "__pycache__" not in file.parts}
        assert {name for name in packed if name.startswith(f"{place}/")} == own
    assert {name.split("/")[0] for name in packed if ".dist-info/" not in name} == {"featherline"}


def test_the_wheel_is_the_same_through_a_source_distribution(wheel: Path, tmp_path: Path):
    """As pip and `uv build` make it."""
    source = build("sdist", ROOT, tmp_path / "sdist")
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path)  # noqa: S202 - our own

    again = build("wheel", tmp_path / source.name.removesuffix(".tar.gz"), tmp_path / "wheel")

    assert names(again) == names(wheel)


def test_the_tasks_run_beside_a_teams_own(site: Path):
    """Both are found: theirs by the short name, ours under `featherline`."""
    assert "validate_metrics" in run(sys.executable, site, "-m", "featherline.tasks", "--help")
    said = run(
        sys.executable,
        site,
        "-c",
        "import tasks, plugins, dags, featherline.tasks.reporting.page as page, featherline.airflow, featherline.dags;"
        "print(tasks.OWNER, plugins.OWNER, dags.OWNER, page.TEMPLATES, (page.TEMPLATES / 'report.html').is_file())",
    )
    theirs = "the team of tasks the team of plugins the team of dags"
    assert said.strip() == f"{theirs} {site}/featherline/tasks/reporting/templates True"


@pytest.mark.skipif(not AIRFLOW.exists(), reason="Airflow's environment is not there; `make test` brings it")
def test_airflows_side_loads_beside_a_teams_own(site: Path):
    """The policy of retries, and the DAG with its operators."""
    said = run(
        str(AIRFLOW),
        site,
        "-c",
        "import tasks, plugins, dags, featherline.airflow.retry as retry, featherline.dags.retrain_and_compress as dag;"
        "print(plugins.OWNER, dags.OWNER, retry.__file__, dag.__file__)",
    )
    folder = site / "featherline"
    assert said.splitlines()[-1] == (
        f"the team of plugins the team of dags {folder}/airflow/retry.py {folder}/dags/retrain_and_compress.py"
    )
