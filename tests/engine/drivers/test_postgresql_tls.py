"""TLS, with certificates made for the test."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509 import load_pem_x509_certificate

from backend.engine.datasource import make_driver
from backend.engine.errors import DriverError
from tests.engine.drivers.programs import query
from tests.postgres import PostgresServer

pytestmark = pytest.mark.anyio

SSL_REQUEST = bytes.fromhex("0000000804d2162f")


class Door:
    """A server with TLS: the tests' PostgreSQL is built without it, so this speaks it instead, and
    hands what it hears to the server behind. A client that asks for no TLS goes in without."""

    def __init__(self, server: PostgresServer, context: ssl.SSLContext) -> None:
        self._server = server
        self._context = context
        self._tasks: set[asyncio.Task[None]] = set()
        self.entered: list[str] = []

    async def open(self) -> None:
        self._door = await asyncio.start_server(self._enter, "127.0.0.1", 0)
        self.port: int = self._door.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._door.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def url(self, host: str = "127.0.0.1", **parameters: str) -> str:
        url = self._server.url("postgres", tcp=True, **parameters)
        return url.replace(f"127.0.0.1:{self._server.port}", f"{host}:{self.port}")

    async def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # a client that does not trust us goes away
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readexactly(8)
        how = "plain"
        if first == SSL_REQUEST:
            writer.write(b"S")
            await writer.start_tls(self._context, ssl_handshake_timeout=5)
            peer = writer.get_extra_info("peercert")
            how, first = "tls, known" if peer else "tls", b""
        self.entered.append(how)
        behind, into = await asyncio.open_connection("127.0.0.1", self._server.port)
        into.write(first)
        await asyncio.gather(_pass_on(reader, into), _pass_on(behind, writer))


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where schema.prisma would be: the authority's certificate, a stranger's, and our own."""
    folder = tmp_path_factory.mktemp("prisma")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    trustme.CA().cert_pem.write_to_path(folder / "stranger.pem")
    server = authority.issue_cert("127.0.0.1")
    server.private_key_pem.write_to_path(folder / "server.key")
    server.cert_chain_pems[0].write_to_path(folder / "server.pem")
    ours = authority.issue_cert(common_name="postgres")
    ours.private_key_and_cert_chain_pem.write_to_path(folder / "identity.pem")
    key = serialization.load_pem_private_key(ours.private_key_pem.bytes(), password=None)
    certificate = load_pem_x509_certificate(ours.cert_chain_pems[0].bytes())
    for name, password in (("identity.p12", b"hush"), ("open.p12", None)):
        encryption = (
            serialization.BestAvailableEncryption(password)
            if password
            else serialization.NoEncryption()
        )
        (folder / name).write_bytes(
            pkcs12.serialize_key_and_certificates(b"us", key, certificate, None, encryption)
        )
    return folder


@pytest.fixture(params=["anybody", "only known clients"])
def certificates(request: pytest.FixtureRequest, folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode = ssl.CERT_OPTIONAL if request.param == "anybody" else ssl.CERT_REQUIRED
    return context


@pytest.fixture
async def door(
    postgres_server: PostgresServer, certificates: ssl.SSLContext
) -> AsyncIterator[Door]:
    door = Door(postgres_server, certificates)
    await door.open()
    yield door
    await door.close()


async def connect(url: str, folder: Path) -> None:
    driver = make_driver(url, folder=folder)
    try:
        await driver.connect()
        rows = await driver.run(query("SELECT 1"), reads_only=True, atomic=False)
        assert [tuple(record) for record in rows.records] == [(1,)]
    finally:
        await driver.close()


for_anybody = pytest.mark.parametrize("certificates", ["anybody"], indirect=True)
for_known = pytest.mark.parametrize("certificates", ["only known clients"], indirect=True)


@for_anybody
@pytest.mark.parametrize(
    ("parameters", "entered"),
    [
        ({}, "tls"),
        ({"sslmode": "disable"}, "plain"),
        ({"sslmode": "prefer"}, "tls"),
        ({"sslmode": "require"}, "tls"),
        ({"sslmode": "require", "sslcert": "stranger.pem"}, "tls"),
        ({"sslmode": "require", "sslaccept": "strict", "sslcert": "ca.pem"}, "tls"),
        ({"sslmode": "verify-ca", "sslrootcert": "ca.pem"}, "tls"),
        ({"sslmode": "verify-full", "sslrootcert": "ca.pem"}, "tls"),
        ({"sslmode": "require", "sslidentity": "identity.pem"}, "tls, known"),
    ],
    ids=str,
)
async def test_tls_is_used_as_the_url_says(
    door: Door, folder: Path, parameters: dict[str, str], entered: str
) -> None:
    await connect(door.url(**parameters), folder)
    assert door.entered == [entered]


@for_anybody
@pytest.mark.parametrize(
    "parameters",
    [
        {"sslmode": "verify-full", "sslrootcert": "stranger.pem"},
        {"sslmode": "verify-full"},
        {"sslaccept": "strict", "sslcert": "stranger.pem"},
        {"sslmode": "require", "sslcert": "no-such-file.pem"},
        {"sslmode": "require", "sslidentity": "identity.p12", "sslpassword": "wrong"},
        {"sslmode": "require", "sslidentity": "ca.pem"},
    ],
    ids=str,
)
async def test_what_cannot_be_trusted_or_read_is_refused(
    door: Door, folder: Path, parameters: dict[str, str]
) -> None:
    with pytest.raises(DriverError) as raised:
        await connect(door.url(**parameters), folder)
    assert raised.value.kind == "TlsConnectionError"
    assert door.entered == []


@for_anybody
async def test_a_certificate_for_another_name_is_refused_only_by_verify_full(
    door: Door, folder: Path
) -> None:
    with pytest.raises(DriverError) as raised:
        await connect(door.url("localhost", sslmode="verify-full", sslcert="ca.pem"), folder)
    assert raised.value.kind == "TlsConnectionError"
    await connect(door.url("localhost", sslmode="verify-ca", sslcert="ca.pem"), folder)
    assert door.entered == ["tls"]


@for_known
@pytest.mark.parametrize(
    "parameters",
    [
        {"sslidentity": "identity.p12", "sslpassword": "hush"},
        {"sslidentity": "open.p12"},
        {"sslidentity": "identity.pem"},
    ],
    ids=str,
)
async def test_our_own_certificate_is_shown_to_a_server_that_asks(
    door: Door, folder: Path, parameters: dict[str, str]
) -> None:
    await connect(door.url(sslmode="require", **parameters), folder)
    assert door.entered == ["tls, known"]


@for_known
async def test_without_it_that_server_cannot_be_used(door: Door, folder: Path) -> None:
    with pytest.raises(DriverError) as raised:
        await connect(door.url(sslmode="require"), folder)
    assert raised.value.kind in ("TlsConnectionError", "DatabaseNotReachable")


async def test_a_server_without_tls_is_spoken_to_plainly_unless_the_url_forbids(
    postgres_server: PostgresServer, folder: Path
) -> None:
    await connect(postgres_server.url("postgres", tcp=True), folder)
    with pytest.raises(DriverError) as raised:
        await connect(postgres_server.url("postgres", tcp=True, sslmode="require"), folder)
    assert raised.value.kind == "TlsConnectionError"
