"""What closes SeaweedFS to all but its owner: certificates that its parts know each other by, and signed requests.

    write_security(folder) ──► tls/ca.crt, weed.crt, weed.key, security.toml, all new at each start, mode 600

Each of its ports demands a certificate of a CA whose key was thrown away. The owner's own `weed` finds both with
`weed -config_dir=FOLDER shell -master=127.0.0.1:PORT`.

SeaweedFS takes a file that it cannot read for none, and starts open: `featherline.stack.s3_probe` looks.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import secrets
import tomllib
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from featherline.stack.private import private_folder
from featherline.whole_file import write_whole

JWT = ("signing", "signing.read", "filer_signing", "filer_signing.read")
GRPC = ("master", "volume", "filer", "s3", "admin", "worker", "client", "msg_broker", "msg_agent", "mq")
HTTPS = ("client", "master", "volume", "filer", "admin")
TOKEN_S = 3600
"""How long a signed request is good for. SeaweedFS's own 10 s are over when a laptop wakes up."""
DAYS = 3650
YESTERDAY = dt.timedelta(days=1)
"""From which certificates hold: a clock may be set back."""
PEM = serialization.Encoding.PEM


def write_security(folder: Path) -> None:
    """Write new certificates and the configuration that demands them.

    Args:
        folder: SeaweedFS's own, for its owner alone.

    Raises:
        ValueError: The folder's path cannot be written into a configuration.
    """
    tls = private_folder(folder / "tls")
    _write_certificates(tls)
    text = security_toml(tls)
    tomllib.loads(text)
    write_whole(folder / "security.toml", text.encode())


def security_toml(tls: Path) -> str:
    """Return the configuration: mutual TLS on every port but S3's own, and a key for each kind of token.

    Args:
        tls: The folder of the certificates; a section's certificate and key have to lie in one.
    """
    pair = {"cert": _quoted(tls / "weed.crt"), "key": _quoted(tls / "weed.key")}
    ca = {"ca": _quoted(tls / "ca.crt")}
    sections: dict[str, dict[str, str]] = {
        f"jwt.{name}": {"key": _quoted(secrets.token_urlsafe(32)), "expires_after_seconds": str(TOKEN_S)}
        for name in JWT
    }
    sections["grpc"] = ca
    sections |= {f"grpc.{name}": pair for name in GRPC}
    sections |= {f"https.{name}": pair | ca | ({"enabled": "true"} if name == "client" else {}) for name in HTTPS}
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {value}\n" for key, value in options.items())
        for name, options in sections.items()
    )


def _quoted(value: Path | str) -> str:
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _write_certificates(folder: Path) -> None:
    """Write a CA's certificate, and a leaf for all parts with its key. The CA's own key is never written."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = _name("featherline-ca")
    ca = (
        _builder(ca_name, ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(
                key_cert_sign=True,
                crl_sign=True,
                digital_signature=False,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(ca_key, hashes.SHA256())
    )
    here = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    leaf = (
        _builder(_name("featherline"), ca_name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(here), critical=False)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    private = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    write_whole(folder / "ca.crt", ca.public_bytes(PEM))
    write_whole(folder / "weed.crt", leaf.public_bytes(PEM))
    write_whole(folder / "weed.key", private)


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - YESTERDAY)
        .not_valid_after(now + dt.timedelta(days=DAYS))
    )
