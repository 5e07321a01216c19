"""A real PostgreSQL for tests and benchmarks, on a Unix socket and on 127.0.0.1."""

from __future__ import annotations

import secrets
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from backend.engine.migrate.embedded_postgres import USER, EmbeddedPostgres, server_folder

PASSWORD = "p@ss/word:é"
"""Needs percent-encoding in a URL: every test over TCP shows that ours are read correctly."""


class PostgresServer(EmbeddedPostgres):
    """One cluster in a folder of its own, on a free port of 127.0.0.1 and on a Unix socket."""

    def __init__(self, folder: Path, *, settings: Mapping[str, str] | None = None) -> None:
        settings = {"listen_addresses": "127.0.0.1", **(settings or {})}
        super().__init__(folder, port=free_port(), password=PASSWORD, settings=settings)

    def restart(self, *, immediately: bool = False) -> None:
        self.stop(immediately=immediately)
        self.start()

    def url(self, database: str, *, tcp: bool = False, **parameters: str) -> str:
        if not tcp:
            return super().url(database, **parameters)
        query = f"?{urlencode(parameters)}" if parameters else ""
        user = f"{USER}:{quote(PASSWORD, safe='')}"
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}{query}"

    def psql(self, sql: str, *, database: str = "postgres") -> str:
        """Run SQL and return what it prints: fields between `|`, a row a line."""
        return self._call(
            "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", str(self.folder), "-p", str(self.port),
            "-U", USER, "-d", database, "-c", sql, as_server=False,
        ).strip()  # fmt: skip

    def create_database(self, name: str | None = None, *, template: str = "template1") -> str:
        name = name or f"test_{secrets.token_hex(6)}"
        self.psql(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def drop_database(self, name: str) -> None:
        self.psql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def temporary_server(*, settings: Mapping[str, str] | None = None) -> Iterator[PostgresServer]:
    """A started server, stopped and removed afterwards."""
    with server_folder() as folder:
        server = PostgresServer(folder, settings=settings)
        try:
            server.init()
            server.start()
            yield server
        finally:
            server.stop(immediately=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The server that all tests share; a test that stops it wants one of its own."""
    yield from temporary_server()


@pytest.fixture
def postgres_database(postgres_server: PostgresServer) -> Iterator[str]:
    """The name of an empty database."""
    name = postgres_server.create_database()
    yield name
    postgres_server.drop_database(name)


if __name__ == "__main__":
    for running in temporary_server():
        running.create_database("app")
        sys.stdout.write(f"{running.url('app')}\n{running.url('app', tcp=True)}\n")
        sys.stdout.flush()
        sys.stdin.read()
