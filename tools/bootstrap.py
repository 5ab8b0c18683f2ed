"""Set up the two environments of Featherline from `uv.lock`, on a machine that has Python and reaches PyPI.

    python3 ──► uv, pinned ──► .venvs/tasks      TensorFlow, the gates, MLflow, the S3 server
                         └───► .venvs/airflow    Airflow, no TensorFlow

Needs neither root nor pip: Debian's bare python3 has no ensurepip, so uv's wheel is fetched and checked by hand there.

    python3 tools/bootstrap.py tasks airflow
"""

from __future__ import annotations

import argparse
import configparser
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path
from urllib.parse import urljoin

ROOT = Path(__file__).resolve().parent.parent
VENVS = ROOT / ".venvs"
UV_VERSION = "0.13.9"
UV_WHEELS = {
    "x86_64": (
        "uv-0.13.9-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",
    ),
    "aarch64": (
        "uv-0.13.9-py3-none-manylinux_2_28_aarch64.whl",
        "ecb6028d79dc96fbeafffe5c8af62a7099487ebc05a701e76714eebcffd06375",
    ),
}
"""File name and SHA-256 of uv's wheel, by machine."""

ENVIRONMENTS = {"tasks": ("tasks", "train", "stack"), "airflow": ("airflow", "containers", "celery")}
"""The extras of `pyproject.toml` that each environment holds."""

MACHINE_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
"""Debian's and Ubuntu's, with what their administrator has added."""

PYTHONS = ((3, 11), (3, 12))


def main() -> int:
    """Bring uv and the environments that the command line names. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Set up Featherline's environments from uv.lock.")
    parser.add_argument("environments", nargs="+", choices=sorted(ENVIRONMENTS))
    try:
        uv = bring_uv()
        for name in parser.parse_args().environments:
            synchronise(uv, name)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


class SetupError(Exception):
    """The machine lacks something that only its owner can give."""

    def __init__(self, what: str, expected: str, got: str, fix: str) -> None:
        super().__init__(f"{what}\n  expected  {expected}\n  got       {got}\n  fix       {fix}")


def bring_uv() -> Path:
    """Return a uv of the pinned version: the one that is there, else by pip, else its wheel from the package index.

    Raises:
        SetupError: Every way failed.
    """
    folder = VENVS / "uv"
    for uv in (folder / "bin" / "uv", folder / "wheel" / "uv"):
        if _version(uv) == UV_VERSION:
            return uv
    shutil.rmtree(folder, ignore_errors=True)
    print(f"set-up: uv {UV_VERSION}", flush=True)
    if _by_pip(folder):
        return folder / "bin" / "uv"
    shutil.rmtree(folder, ignore_errors=True)
    return _by_hand(folder / "wheel")


def synchronise(uv: Path, name: str) -> None:
    """Make the environment `name` what `uv.lock` says, with bytecode (TensorFlow then imports in 3 s instead of 7).

    Raises:
        SetupError: There is no fitting Python, or uv failed; its own words are above.
    """
    started = time.monotonic()
    print(f"set-up: environment {name} (.venvs/{name})", flush=True)
    command = [str(uv), "sync", "--frozen", "--compile-bytecode", "--quiet", "--group", "dev"]
    command += [word for extra in ENVIRONMENTS[name] for word in ("--extra", extra)]
    if not (VENVS / name / "bin" / "python").exists():
        command += ["--python", _python()]
    surroundings = {key: value for key, value in os.environ.items() if key not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    if MACHINE_CERTIFICATES.is_file():  # as pip and curl: also behind a proxy that signs with a company's certificate
        surroundings.setdefault("UV_SYSTEM_CERTS", "true")
    surroundings |= {
        "UV_PROJECT_ENVIRONMENT": str(VENVS / name),
        "UV_PYTHON_DOWNLOADS": "never",  # only the package index is reached
        "UV_LINK_MODE": os.environ.get("UV_LINK_MODE", "hardlink" if _same_disk(uv) else "copy"),
    }
    done = subprocess.run(command, cwd=ROOT, env=surroundings, check=False)
    if done.returncode:
        raise SetupError(
            f"set-up cannot make the environment {name}",
            expected="a package index that serves what uv.lock names, and about 3 GB of disk",
            got=f"uv ended with {done.returncode}, its message is above",
            fix="mend what it says and run the same command again; it goes on where it stopped",
        )
    print(f"set-up: environment {name} is ready, {time.monotonic() - started:.0f} s", flush=True)


def _version(uv: Path) -> str:
    if not os.access(uv, os.X_OK):
        return ""
    words = subprocess.run([str(uv), "--version"], capture_output=True, text=True, check=False).stdout.split()
    return words[1] if len(words) > 1 else ""


def _by_pip(folder: Path) -> bool:
    """Install uv into a virtual environment; pip knows the machine's index, proxy and certificates."""
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", f"uv=={UV_VERSION}"],
    ):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError:
            return False
        if done.returncode:
            return False
    return _version(folder / "bin" / "uv") == UV_VERSION


def _by_hand(folder: Path) -> Path:
    """Fetch uv's wheel from the index, check its digest and take the program out of it."""
    wheel, sha256 = UV_WHEELS.get(platform.machine(), ("", ""))
    if not wheel:
        raise SetupError(
            "set-up knows no uv for this machine",
            expected=f"a machine of {', '.join(UV_WHEELS)}, or a Python with pip (Debian: python3-venv)",
            got=platform.machine(),
            fix="install python3-venv, and run the same command again",
        )
    page = f"{_index().rstrip('/')}/uv/"
    try:
        data = _fetch(_address_of(wheel, page))
    except (OSError, LookupError) as error:
        raise SetupError(
            f"set-up cannot fetch {wheel}",
            expected=f"a package index at {page}",
            got=f"{type(error).__name__}: {error}",
            fix="set PIP_INDEX_URL to an index that this machine reaches (and SSL_CERT_FILE to its certificates)",
        ) from error
    got = hashlib.sha256(data).hexdigest()
    if got != sha256:
        raise SetupError(
            f"set-up refuses {wheel}",
            expected=f"SHA-256 {sha256}, as tools/bootstrap.py pins it",
            got=got,
            fix="ask whoever runs the package index; do not run that file",
        )
    folder.mkdir(parents=True)
    (folder / "uv.whl").write_bytes(data)
    with zipfile.ZipFile(folder / "uv.whl") as archive:
        program = archive.read(f"uv-{UV_VERSION}.data/scripts/uv")
    (folder / "uv.whl").unlink()
    (folder / "uv").write_bytes(program)
    (folder / "uv").chmod(0o755)
    return folder / "uv"


def _address_of(wheel: str, page: str) -> str:
    """Return where the index keeps a file, as its page says (PEP 691, or PEP 503 where the index has no JSON)."""
    text = _fetch(page, "application/vnd.pypi.simple.v1+json, text/html;q=0.5").decode()
    if text.lstrip().startswith("{"):
        links = [file["url"] for file in json.loads(text)["files"] if file["filename"] == wheel]
    else:
        links = [part.partition('"')[0] for part in text.split('href="')[1:] if wheel in part.partition('"')[0]]
    if not links:
        raise LookupError(f"{page} lists no {wheel}")
    return str(urljoin(page, links[0]))


def _fetch(address: str, accept: str = "*/*") -> bytes:
    request = urllib.request.Request(address, headers={"Accept": accept, "User-Agent": "featherline-bootstrap"})  # noqa: S310 - the owner's own index
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - the same
        data: bytes = answer.read()
        return data


def _index() -> str:
    """Return the package index that pip would use, without pip: the variables, then its files, then PyPI."""
    for variable in ("UV_DEFAULT_INDEX", "PIP_INDEX_URL"):
        if os.environ.get(variable):
            return os.environ[variable]
    files = configparser.ConfigParser(interpolation=None)
    files.read(["/etc/pip.conf", *map(Path.expanduser, (Path("~/.pip/pip.conf"), Path("~/.config/pip/pip.conf")))])
    return str(files.get("global", "index-url", fallback="https://pypi.org/simple"))


def _python() -> str:
    """Return a Python that the project runs on: this one, else one on PATH."""
    if sys.version_info[:2] in PYTHONS:
        return sys.executable
    found = [path for major, minor in PYTHONS if (path := shutil.which(f"python{major}.{minor}"))]
    if not found:
        raise SetupError(
            "set-up finds no Python to build on",
            expected=f"Python {' or '.join(f'{major}.{minor}' for major, minor in PYTHONS)} (pyproject.toml)",
            got=f"{platform.python_version()} at {sys.executable}",
            fix="install python3.12 (or 3.11) and run the same command again",
        )
    return found[-1]


def _same_disk(uv: Path) -> bool:
    """Return whether uv's cache and the environments share a disk, so that files can be linked instead of copied."""
    where = subprocess.run([str(uv), "cache", "dir"], capture_output=True, text=True, check=False).stdout.strip()
    cache = Path(where)
    while not cache.exists():
        cache = cache.parent
    return cache.stat().st_dev == VENVS.stat().st_dev


if __name__ == "__main__":
    sys.exit(main())
