"""What a database URL says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backend.engine.datasource import (
    InvalidUrlError,
    make_driver,
    provider_of,
    schema_name_of,
    sqlite_path,
    sqlite_settings,
)
from backend.engine.drivers.sqlite import SQLiteDriver

FOLDER = Path("/project/prisma")


@pytest.mark.parametrize(
    ("url", "provider"),
    [
        ("file:./dev.db", "sqlite"),
        ("sqlite:dev.db", "sqlite"),
        ("postgresql://u@h/d", "postgresql"),
        ("postgres://u@h/d", "postgresql"),
    ],
)
def test_the_scheme_chooses_the_provider(url: str, provider: str) -> None:
    assert provider_of(url) == provider


@pytest.mark.parametrize("url", ["", "dev.db", "mysql://u@h/d", "prisma://x", "/tmp/dev.db"])
def test_other_schemes_are_refused(url: str) -> None:
    with pytest.raises(InvalidUrlError) as raised:
        provider_of(url)
    assert raised.value.code == "P1013"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:dev.db", "/project/prisma/dev.db"),
        ("file:./dev.db", "/project/prisma/dev.db"),
        ("file:../data/dev.db", "/project/data/dev.db"),
        ("file:/data/dev.db", "/data/dev.db"),
        ("file:///data/dev.db", "/data/dev.db"),
        ("file:/data/a%20b.db?connection_limit=1", "/data/a b.db"),
        ("file::memory:", None),
    ],
)
def test_relative_files_lie_beside_the_schema(url: str, path: str | None) -> None:
    assert sqlite_path(url, folder=FOLDER) == (None if path is None else Path(path))


def test_parameters_of_sqlite() -> None:
    url = (
        "file:dev.db?connection_limit=2&socket_timeout=7&synchronous=Normal"
        "&timestamp_format=unixepoch-ms"
    )
    settings = sqlite_settings(url, folder=FOLDER)
    assert (settings.readers, settings.busy_timeout) == (2, 7.0)
    assert (settings.synchronous, settings.timestamp_format) == ("normal", "unixepoch-ms")


@pytest.mark.parametrize(
    "parameter",
    ["connection_limit=0", "connection_limit=x", "socket_timeout=-1", "synchronous=maybe"],
)
def test_a_parameter_that_makes_no_sense_is_refused_by_its_name(parameter: str) -> None:
    with pytest.raises(InvalidUrlError, match=parameter.partition("=")[0]):
        sqlite_settings(f"file:dev.db?{parameter}", folder=FOLDER)


def test_an_unknown_parameter_is_a_warning_that_names_it() -> None:
    with pytest.warns(UserWarning, match="`colour`"):
        sqlite_settings("file:dev.db?colour=blue", folder=FOLDER)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://u@h/d?schema=app", "app"),
        ("postgresql://u@h/d", None),
        ("file:dev.db?schema=app", None),
    ],
)
def test_the_schema_of_postgresql(url: str, name: str | None) -> None:
    assert schema_name_of(url) == name


def test_each_provider_has_its_driver() -> None:
    assert isinstance(make_driver("file:dev.db", folder=FOLDER), SQLiteDriver)
    driver: Any = make_driver("postgresql://u@h/d", folder=FOLDER)
    assert driver.provider == "postgresql"
