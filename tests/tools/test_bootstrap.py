"""Bringing uv to a machine without pip."""

from __future__ import annotations

import hashlib
import http.server
import importlib.util
import io
import platform
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

WHEEL = "uv-test.whl"


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Give the script as a module that works in an empty folder."""
    path = Path(__file__).parents[2] / "tools" / "bootstrap.py"
    spec = importlib.util.spec_from_file_location("bootstrap", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "VENVS", tmp_path / ".venvs")
    return module


@pytest.fixture
def wheel(bootstrap: ModuleType) -> bytes:
    """Give a wheel that holds a program which says that it is the pinned uv."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        name = f"uv-{bootstrap.UV_VERSION}.data/scripts/uv"
        archive.writestr(name, f"#!/bin/sh\necho uv {bootstrap.UV_VERSION}\n")
    return buffer.getvalue()


@pytest.fixture
def index(tmp_path: Path, wheel: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the folder of a package index that knows pages as HTML only, and have it used."""
    folder = tmp_path / "index" / "uv"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(f'<a href="../files/{WHEEL}#sha256=x">{WHEEL}</a>')
    files = tmp_path / "index" / "files"
    files.mkdir()
    (files / f"{WHEEL}").write_bytes(wheel)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *words: object) -> None:
            super().__init__(*words, directory=str(tmp_path / "index"))  # type: ignore[arg-type]

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield files
    server.shutdown()
    server.server_close()


def test_uv_comes_from_the_index_where_there_is_no_pip(
    bootstrap: ModuleType, index: Path, wheel: bytes, monkeypatch: pytest.MonkeyPatch
):
    """The wheel is fetched, its digest checked, its program taken out; a second call finds it there."""
    monkeypatch.setattr(bootstrap, "_by_pip", lambda _: False)
    monkeypatch.setattr(bootstrap, "UV_WHEELS", {platform.machine(): (WHEEL, hashlib.sha256(wheel).hexdigest())})

    first = bootstrap.bring_uv()
    (index / WHEEL).unlink()

    assert bootstrap.bring_uv() == first
    assert first.stat().st_mode & 0o111


def test_a_wheel_that_is_not_the_pinned_one_is_refused(
    bootstrap: ModuleType, index: Path, monkeypatch: pytest.MonkeyPatch
):
    """A digest that differs ends the set-up before anything of the file is used."""
    monkeypatch.setattr(bootstrap, "_by_pip", lambda _: False)
    monkeypatch.setattr(bootstrap, "UV_WHEELS", {platform.machine(): (WHEEL, "0" * 64)})

    with pytest.raises(bootstrap.SetupError, match="refuses"):
        bootstrap.bring_uv()

    assert index.exists()
    assert not (bootstrap.VENVS / "uv" / "wheel").exists()


def test_an_index_out_of_reach_says_what_to_change(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch):
    """The message names the page and the variable that chooses another index."""
    monkeypatch.setattr(bootstrap, "_by_pip", lambda _: False)
    monkeypatch.setattr(bootstrap, "UV_WHEELS", {platform.machine(): (WHEEL, "0" * 64)})
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9")
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)

    with pytest.raises(bootstrap.SetupError) as refused:
        bootstrap.bring_uv()

    assert "http://127.0.0.1:9/uv/" in str(refused.value)
    assert "PIP_INDEX_URL" in str(refused.value)
