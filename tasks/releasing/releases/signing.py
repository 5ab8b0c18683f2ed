"""Signing a folder, and seeing who signed it: OpenSSF model signing with an elliptic key, offline.

    folder ──► digests of all files ──► in-toto statement ──► signed envelope (sigstore bundle) ──► model.sig

Anyone can check a release with the public key and the signer's own tool:

    model_signing verify key FOLDER --signature FOLDER/model.sig --public_key verify_key.pem
"""

from __future__ import annotations

from pathlib import Path

import cryptography.exceptions
import model_signing.hashing
import model_signing.signing
import model_signing.verifying

from featherline.tasks.contracts.refusal import refuse

NOT_SIGNED = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    cryptography.exceptions.InvalidSignature,
)
"""What the library raises for a wrong signature, and for a file of another shape that lies in its place."""


def sign(folder: Path, signature: Path, private_key: Path) -> None:
    """Sign all files of a folder.

    Args:
        folder: What is signed.
        signature: Where the signature goes, outside of the folder.
        private_key: PEM.
    """
    config = model_signing.signing.Config().use_elliptic_key_signer(private_key=private_key)
    config.set_hashing_config(model_signing.hashing.Config()).sign(folder, signature)


def check(folder: Path, signature: Path, public_key: Path, release: str, *, key: str = "") -> None:
    """See that exactly these files were signed by the holder of the key.

    Args:
        folder: What was signed, without anything else.
        signature: Outside of the folder.
        public_key: PEM.
        release: What is verified, for the message.
        key: What the key is called in the message, where its path says nothing.

    Raises:
        Refused: They were not.
    """
    try:
        config = model_signing.verifying.Config().use_elliptic_key_verifier(public_key=public_key)
        config.verify(folder, signature)
    except NOT_SIGNED as error:
        raise refuse(
            f"the signature of {release} does not verify",
            expected=f"all its files signed by the key {key or f'whose public half is {public_key}'}",
            got=str(error).strip() or type(error).__name__,
            fix="find out who changed the release or the keys; then move the release's folder out of the store and run "
            "publish again: it writes anew what the run made, and signs nothing else",
        ) from error
