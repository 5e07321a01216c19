"""TLS to PostgreSQL, as the URL's ssl parameters ask for it."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

from ...errors import DriverError
from .url import PostgreSQLSettings


def tls_context(settings: PostgreSQLSettings, *, folder: Path) -> ssl.SSLContext | None:
    """None where the connection is to be plain. Relative paths are taken from `folder`, in Prisma
    the one that holds schema.prisma. Raises DriverError TlsConnectionError."""
    if settings.sslmode == "disable" or settings.host.startswith("/"):
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    strict = not settings.accept_invalid_certs or settings.sslmode.startswith("verify")
    context.check_hostname = strict and settings.sslmode != "verify-ca"
    context.verify_mode = ssl.CERT_REQUIRED if strict else ssl.CERT_NONE
    try:
        if settings.sslcert is not None:
            context.load_verify_locations(cafile=folder / settings.sslcert)
        elif strict:
            context.load_default_certs()
        if settings.sslidentity is not None:
            _load_identity(context, folder / settings.sslidentity, settings.sslpassword)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise DriverError("TlsConnectionError", reason=str(error)) from error
    return context


def _load_identity(context: ssl.SSLContext, path: Path, password: str | None) -> None:
    content = path.read_bytes()
    if not content.startswith(b"-----BEGIN"):
        content = _pem_of_pkcs12(content, password)
        password = None
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:  # the ssl module reads files only
        file.write(content)
        file.flush()
        context.load_cert_chain(file.name, password=password or "")


def _pem_of_pkcs12(content: bytes, password: str | None) -> bytes:
    try:
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            NoEncryption,
            PrivateFormat,
            pkcs12,
        )
    except ImportError as error:
        raise DriverError(
            "TlsConnectionError",
            reason="`sslidentity` in PKCS#12 needs the package `cryptography`; a PEM file does not",
        ) from error
    key, certificate, others = pkcs12.load_key_and_certificates(
        content, password.encode() if password else None
    )
    if key is None or certificate is None:
        raise ValueError("`sslidentity` holds no certificate with its key")
    parts = [key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())]
    parts += [each.public_bytes(Encoding.PEM) for each in (certificate, *others)]
    return b"".join(parts)
