"""Certificates for tests, made when they run: a root of their own, and a server's that it signed."""

from __future__ import annotations

import base64
import datetime
import hashlib
import ssl
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Certificates(NamedTuple):
    """What a server shows, the file of who signed it, and the hash by which Chromium knows the server's key."""

    server: ssl.SSLContext
    root: Path
    spki: str


def make_certificates(folder: Path, *names: str) -> Certificates:
    """Make a certificate for these names, good for an hour."""
    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    paths = folder / "root.pem", folder / "leaf.pem", folder / "leaf.key"
    paths[0].write_bytes(_sign("test root", root, root, [x509.BasicConstraints(ca=True, path_length=None), usage]))
    paths[1].write_bytes(_sign(names[0], leaf, root, [alternatives]))
    pem, pkcs8, plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    paths[2].write_bytes(leaf.private_bytes(pem, pkcs8, plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(paths[1], paths[2])
    spki = leaf.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return Certificates(context, paths[0], base64.b64encode(hashlib.sha256(spki).digest()).decode())


def _sign(name: str, key: Any, issuer: Any, extensions: list[Any]) -> bytes:
    now, hour = datetime.datetime.now(datetime.UTC), datetime.timedelta(hours=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test root")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - hour)
        .not_valid_after(now + hour)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return builder.sign(issuer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
