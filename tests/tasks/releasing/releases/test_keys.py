"""Keys that sign and verify releases."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from featherline.tasks.contracts.refusal import Refused
from featherline.tasks.contracts.request import Variable
from featherline.tasks.releasing.releases.keys import make_keys, signing_key, verify_key


def test_only_the_owner_reads_the_private_half(tmp_path: Path) -> None:
    """The private key has mode 600 from its first byte on."""
    private, _ = make_keys(tmp_path / "keys")

    assert stat.S_IMODE(private.stat().st_mode) == 0o600


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    """Asking twice for keys in one folder fails and leaves the first pair."""
    private, _ = make_keys(tmp_path)
    before = private.read_bytes()

    with pytest.raises(FileExistsError):
        make_keys(tmp_path)

    assert private.read_bytes() == before


def test_keys_are_made_by_a_command(tmp_path: Path) -> None:
    """The command that refusals name prints the paths of both halves."""
    command = [sys.executable, "-m", "featherline.tasks.releasing.releases.keys", tmp_path / "keys"]

    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    assert printed == [str(tmp_path / "keys" / name) for name in ("signing_key.pem", "verify_key.pem")]
    assert all(Path(path).read_text().startswith("-----BEGIN") for path in printed)


def test_the_named_halves_are_found(keys: tuple[Path, Path]) -> None:
    """Both keys are taken from where the environment says they are."""
    assert (signing_key(), verify_key()) == keys


@pytest.mark.parametrize(
    ("case", "got"),
    [
        ("absent", "No such file or directory"),
        ("text", "PEM"),
        ("the other half", "PEM"),
        ("rsa", "RSAPrivateKey"),
        ("folder", "Is a directory"),
    ],
)
def test_what_cannot_sign_is_refused(
    keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, case: str, got: str
) -> None:
    """A path that holds no elliptic private key is refused with the path and the reason."""
    path = keys[0].parent / "other.pem"
    if case == "text":
        path.write_text("no key")
    elif case == "rsa":
        key = rsa.generate_private_key(65537, 2048)
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path = {"the other half": keys[1], "folder": keys[0].parent}.get(case, path)
    monkeypatch.setenv(Variable.SIGNING_KEY, str(path))

    with pytest.raises(Refused) as refusal:
        signing_key()

    problem = refusal.value.problems[0]
    assert problem.what == "FEATHERLINE_SIGNING_KEY names no key that can be used"
    assert problem.got.startswith(f"{path}: ")
    assert got in problem.got


def test_what_cannot_verify_is_refused(keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The private half is not taken where the public one is wanted."""
    monkeypatch.setenv(Variable.VERIFY_KEY, str(keys[0]))

    with pytest.raises(Refused) as refusal:
        verify_key()

    assert refusal.value.problems[0].what == "FEATHERLINE_VERIFY_KEY names no key that can be used"
