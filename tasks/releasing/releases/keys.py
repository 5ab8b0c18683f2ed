"""Keys that sign releases: an elliptic key pair (NIST P-256) as PEM.

    python -m featherline.tasks.releasing.releases.keys FOLDER
        ──► FOLDER/signing_key.pem (mode 600), FOLDER/verify_key.pem

The private half stays with `publish`; whoever takes releases needs the public half alone.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from featherline.tasks.contracts.refusal import Refused, refuse
from featherline.tasks.contracts.request import Variable

HOW = "make a pair with `python -m featherline.tasks.releasing.releases.keys FOLDER`"
CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)


def make_keys(folder: Path) -> tuple[Path, Path]:
    """Draw a key pair and return the paths of its private and its public half.

    Raises:
        FileExistsError: There is a key already; it is never overwritten.
    """
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    private, public = folder / "signing_key.pem", folder / "verify_key.pem"
    _write_new(private, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), 0o600)
    _write_new(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), 0o644)
    return private, public


def signing_key() -> Path:
    """Return the path of the private key that the deployment signs with.

    Raises:
        Refused: None is named, or what is named is no such key.
    """
    path = _named(Variable.SIGNING_KEY, "publish cannot sign the release", f"{HOW}, or set release.sign: false")
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise _no_key(Variable.SIGNING_KEY, path, "private", error) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, CURVES):
        raise _no_key(Variable.SIGNING_KEY, path, "private", type(key).__name__)
    return path


def verify_key() -> Path:
    """Return the path of the public key that the deployment verifies with.

    Raises:
        Refused: None is named, or what is named is no such key.
    """
    fix = (
        "set it to the public half of the key that signed, or set release.sign: false "
        f"(featherline rollback: --unsigned); {HOW}"
    )
    path = _named(Variable.VERIFY_KEY, "the release's signature cannot be verified", fix)
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, TypeError) as error:
        raise _no_key(Variable.VERIFY_KEY, path, "public", error) from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, CURVES):
        raise _no_key(Variable.VERIFY_KEY, path, "public", type(key).__name__)
    return path


def write_public_half(private_key: Path, path: Path) -> None:
    """Write the public half of a private key that `signing_key` gave."""
    key = load_pem_private_key(private_key.read_bytes(), None)
    path.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def _named(variable: Variable, what: str, fix: str) -> Path:
    value = os.environ.get(variable, "")
    if not value:
        raise refuse(what, expected=f"{variable}: the path of a PEM key", got="nothing", fix=fix)
    return Path(value)


def _no_key(variable: Variable, path: Path, half: str, got: Exception | str) -> Refused:
    reason = got if isinstance(got, str) else got.strerror if isinstance(got, OSError) else str(got).partition(".")[0]
    return refuse(
        f"{variable} names no key that can be used",
        expected=f"an elliptic {half} key (P-256, P-384 or P-521) as PEM, without a password",
        got=f"{path}: {reason}",
        fix=HOW,
    )


def _write_new(path: Path, data: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)


if __name__ == "__main__":
    for half in make_keys(Path(sys.argv[1])):
        print(half)
