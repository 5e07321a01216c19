from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.owned_statements import each_statement_says_whose_rows
from tests.twelvelabs.server import LoopbackServer

__all__ = ["each_statement_says_whose_rows"]


@pytest.fixture(scope="module")
def shared_server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as server:
        yield server
