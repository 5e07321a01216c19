from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from backend.services import Services, make_services
from tests.fixtures import Database
from tests.owned_statements import each_statement_says_whose_rows

__all__ = ["each_statement_says_whose_rows"]


@pytest.fixture
async def services(database: Database) -> AsyncIterator[Services]:
    services = make_services(database.url)
    await services.database.connect()
    yield services
    await services.database.disconnect()
