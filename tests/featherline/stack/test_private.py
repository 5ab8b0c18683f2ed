"""What lies under `var/` is its owner's alone, also where it lay there before with other modes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from stranger import open_to_others

from featherline.places import Places
from featherline.stack import processes
from featherline.stack.private import close_var


def mode(path: Path) -> int:
    """Return the rights of a file or folder."""
    return stat.S_IMODE(path.lstat().st_mode)


def test_what_an_earlier_version_left_open_is_closed(tmp_path: Path) -> None:
    """Folders of 755, files of 644, programs of 755: their owner's rights stay, all others go."""
    var = tmp_path / "var"
    for name in ("mlflow", "airflow/logs/run", "s3/data", "secrets", "log"):
        (var / name).mkdir(parents=True)
    for name in ("mlflow/users.db", "airflow/logs/run/attempt=1.log", "s3/data/lake_1.dat", "stack.json"):
        (var / name).touch(mode=0o644)
    (var / "airflow" / "program").touch(mode=0o755)
    for path in (var, *var.rglob("*")):
        path.chmod(mode(path) | 0o055)

    close_var(Places(var=var))

    assert open_to_others(var) == []
    assert mode(var) == 0o700
    assert mode(var / "mlflow" / "users.db") == 0o600 | mode(var / "mlflow" / "users.db") & 0o100
    assert mode(var / "airflow" / "program") == 0o700


def test_links_are_not_followed(tmp_path: Path) -> None:
    """What a link in the folder leads to is somebody else's matter."""
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o755)
    (outside / "file").touch(mode=0o644)
    outside.chmod(0o755)
    (outside / "file").chmod(0o644)
    (tmp_path / "var" / "log").mkdir(parents=True)
    (tmp_path / "var" / "log" / "link").symlink_to(outside)
    (tmp_path / "var" / "runs").symlink_to(outside)

    close_var(Places(var=tmp_path / "var"))

    assert (mode(outside), mode(outside / "file")) == (0o755, 0o644)


def test_a_folder_that_others_need_stays_as_it_is(tmp_path: Path) -> None:
    """FEATHERLINE_VAR may name a folder that holds something else: only what is the stack's own is closed in it."""
    (tmp_path / "var" / "photos").mkdir(parents=True)
    (tmp_path / "var" / "secrets").mkdir()
    for path in (tmp_path / "var", *(tmp_path / "var").iterdir()):
        path.chmod(0o755)

    close_var(Places(var=tmp_path / "var"))

    assert [mode(tmp_path / "var" / name) for name in (".", "photos", "secrets")] == [0o755, 0o755, 0o700]


def test_a_server_s_files_are_private_whatever_the_shell_s_umask(tmp_path: Path) -> None:
    """What a server writes, its log and its folder; also where the person's umask gives everybody everything."""
    before = os.umask(0)
    try:
        started = processes.begin(
            [sys.executable, "-c", "import os; open('made', 'w').close(); os.mkdir('folder')"],
            environment={},
            folder=tmp_path / "var" / "server",
            log=tmp_path / "var" / "log" / "server.log",
        )
        assert started.wait(30) == 0
    finally:
        os.umask(before)

    assert open_to_others(tmp_path / "var" / "server") == []
    assert open_to_others(tmp_path / "var" / "log") == []


def test_the_command_line_writes_for_its_owner_alone(tmp_path: Path) -> None:
    """The folder that it makes is closed, though there is no stack in it."""
    var = tmp_path / "var"
    asked = [sys.executable, "-m", "featherline", "down"]
    environment = os.environ | {"FEATHERLINE_VAR": str(var), "PYTHONPATH": str(Path(__file__).parents[3])}

    subprocess.run(asked, env=environment, check=True, capture_output=True, umask=0)

    assert open_to_others(var) == []
