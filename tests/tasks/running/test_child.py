"""Children of a step, with processes that really run, end and die."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from featherline.tasks.contracts.secrets import Secret
from featherline.tasks.running.child import Child

ROOT = Path(__file__).parents[3]
SECRETS = {
    "AWS_ACCESS_KEY_ID": Secret.STORE,
    "AWS_SECRET_ACCESS_KEY": Secret.STORE,
    "AWS_SESSION_TOKEN": Secret.STORE,
    "MLFLOW_TRACKING_USERNAME": Secret.REGISTRY,
    "MLFLOW_TRACKING_PASSWORD": Secret.REGISTRY,
    "MLFLOW_TRACKING_TOKEN": Secret.REGISTRY,
    "FEATHERLINE_SIGNING_KEY": Secret.SIGNING_KEY,
    "FEATHERLINE_STUDIES": Secret.STUDIES,
    "FEATHERLINE_REGISTRY": Secret.REGISTRY,
}
"""What a step of a full deployment has, and of which kind it is."""
OTHERS = ("FEATHERLINE_DATA_PASSWORD", "HTTPS_PROXY", "AIRFLOW__API_AUTH__JWT_SECRET", "GITHUB_TOKEN", "TF_TOKEN")
PRINT_NAMES = "import os; print(*os.environ, *os.environ.values(), sep='\\n')"


@pytest.fixture(autouse=True)
def full_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this process every secret that a step can have, each with `hush` in its value."""
    for name in (*SECRETS, *OTHERS):
        monkeypatch.setenv(name, f"hush-{name}")
    for name in ("FEATHERLINE_STUDIES", "FEATHERLINE_REGISTRY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://me:hush-{name}@host/0")


def python(code: str) -> tuple[str, ...]:
    """Return a program that runs `code`."""
    return (sys.executable, "-c", code)


def seen(tmp_path: Path, *needs: Secret) -> set[str]:
    """Return the secret variables that a child with these needs sees."""
    with Child("none", log=tmp_path / "log", needs=needs, program=python(PRINT_NAMES)) as child:
        lines = child.wait().said.splitlines()
    found = {name for name in (*SECRETS, *OTHERS) if name in lines}
    assert found or "hush" not in "".join(lines)
    return found


def test_a_child_has_no_secret(tmp_path: Path) -> None:
    """Of all that its parent knows, neither a key nor a password nor an address with one in it goes on."""
    assert seen(tmp_path) == set()


@pytest.mark.parametrize("need", [Secret.STORE, Secret.REGISTRY, Secret.STUDIES, Secret.SIGNING_KEY])
def test_a_child_has_the_secret_that_it_needs(tmp_path: Path, need: Secret) -> None:
    """What opens one thing opens no other; whoever goes out to the store takes the proxy's address with it."""
    proxy = {"HTTPS_PROXY"} if need is Secret.STORE else set()

    assert seen(tmp_path, need) == {name for name, kind in SECRETS.items() if kind is need} | proxy


def test_a_child_runs_a_module_as_its_parent_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module is found where its parent finds it, is `__main__`, and has its arguments; both streams are its log."""
    (tmp_path / "own.py").write_text(
        "import sys, tasks\nprint(__name__, *sys.argv[1:])\nprint('oh', file=sys.stderr)\nsys.exit(3)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    with Child("own", "a", tmp_path, log=tmp_path / "log") as child:
        ended = child.wait()

    assert (ended.code, ended.died_of, ended.signal_name) == (3, None, "")
    assert sorted(ended.said.splitlines()) == sorted([f"__main__ a {tmp_path}", "oh"])


@pytest.mark.parametrize(
    ("number", "code", "name"),
    [(signal.SIGKILL, 137, "SIGKILL"), (signal.SIGSEGV, 139, "SIGSEGV"), (signal.SIGRTMIN + 1, 163, "signal 35")],
)
def test_a_death_has_a_name_and_a_shell_s_code(tmp_path: Path, number: int, code: int, name: str) -> None:
    """137 is what a kernel short of memory leaves; a signal without a name is told by its number."""
    with Child("none", log=tmp_path / "log", program=python(f"import os; os.kill(os.getpid(), {number})")) as child:
        ended = child.wait()

    assert (ended.code, ended.died_of, ended.signal_name, ended.late) == (code, number, name, False)


def test_who_takes_too_long_is_killed(tmp_path: Path) -> None:
    """The answer says so, and what the child had printed is there."""
    with Child(
        "none", log=tmp_path / "log", program=python("print(1, flush=True); import time; time.sleep(60)")
    ) as child:
        while not (tmp_path / "log").read_text():
            time.sleep(0.01)
        ended = child.wait(patience_s=0.1)

    assert (ended.late, ended.code, ended.said) == (True, 137, "1\n")


def test_no_child_outlives_the_with(tmp_path: Path) -> None:
    """An exception of the parent ends the child."""
    with (
        pytest.raises(ZeroDivisionError),
        Child("none", log=tmp_path / "log", program=python("import time; time.sleep(60)")) as child,
    ):
        raise ZeroDivisionError

    assert not child.is_running()


def test_a_child_dies_with_its_parent(tmp_path: Path) -> None:
    """A parent that is killed outright leaves no child behind."""
    (tmp_path / "own.py").write_text("import time\nprint('up', flush=True)\ntime.sleep(60)\n")
    code = (
        "import sys, time; from pathlib import Path; from featherline.tasks.running.child import Child; "
        "print(Child('own', log=Path(sys.argv[1])).pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [*python(code), tmp_path / "log"],
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{tmp_path}"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    child = Path("/proc", parent.stdout.readline().strip(), "stat")
    while (tmp_path / "log").read_text() != "up\n":
        time.sleep(0.01)

    parent.kill()
    parent.wait()

    deadline = time.monotonic() + 5
    while child.exists() and child.read_text().rpartition(")")[2].split()[0] not in "ZX":
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_no_step_starts_a_process_by_another_way() -> None:
    """A child that is started by hand would inherit every secret of its parent; a connection to one starts none."""
    way = re.compile(
        r"^\s*(import|from) (subprocess|multiprocessing(?!\.connection)|pty)\b|ProcessPool"
        r"|\bos\.(exec|spawn|fork|posix_spawn|system|popen)",
        re.MULTILINE,
    )
    found = {str(path.relative_to(ROOT)) for path in (ROOT / "tasks").rglob("*.py") if way.search(path.read_text())}

    assert found == {"tasks/running/child.py"}


def test_what_is_kept_of_very_much_is_the_end(tmp_path: Path) -> None:
    """A child that prints without end fills no memory of its parent's."""
    with Child("none", log=tmp_path / "log", program=python("print('x' * 2**20); print('end')")) as child:
        said = child.wait().said

    assert len(said) == 256 * 1024
    assert said.endswith("x\nend\n")
