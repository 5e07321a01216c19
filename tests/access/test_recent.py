"""Credentials that came a moment ago, or come many at once."""

from __future__ import annotations

import asyncio

import pytest

from backend.access import recent
from backend.access.recent import AtOnce, Found, Recent
from backend.core.caller import ADMIN, ANYONE
from tests.access.fixtures import make_key, service, shown
from tests.fixtures import Database
from tests.statements import statements

pytestmark = pytest.mark.anyio


def test_what_was_found_holds_until_its_end() -> None:
    clock = [0.0]
    found = Recent(lambda: clock[0])
    found.put(b"a", Found(ANYONE, 1.0))
    found.put(b"b", Found(None, 2.0))
    clock[0] = 0.9
    assert (found.get(b"a"), found.get(b"b")) == (Found(ANYONE, 1.0), Found(None, 2.0))
    clock[0] = 1.0
    assert (found.get(b"a"), found.get(b"b")) == (None, Found(None, 2.0))
    found.put(b"a", Found(None, 3.0))
    assert found.get(b"a") == Found(None, 3.0)


def test_it_holds_so_many_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "MOST", 3)
    found = Recent(lambda: 0.0)
    for name in (b"a", b"b", b"a", b"c", b"d"):
        found.put(name, Found(None, 1.0))
    assert [found.get(name) is not None for name in (b"a", b"b", b"c", b"d")] == [
        True,
        False,
        True,
        True,
    ], "those put first go first"


async def test_who_asks_at_the_same_time_shares_the_work() -> None:
    done: list[int] = []
    going = asyncio.Event()

    async def work() -> int:
        await going.wait()
        done.append(1)
        return len(done)

    shared = AtOnce[int]()
    waiting = [asyncio.ensure_future(shared.ask(b"a", work)) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    going.set()
    assert await asyncio.gather(*waiting[1:]) == [1, 1]
    assert await shared.ask(b"a", work) == 2


async def test_all_who_share_work_that_fails_are_told() -> None:
    async def fail() -> int:
        raise ValueError

    shared = AtOnce[int]()
    waiting = [shared.ask(b"a", fail) for _ in range(2)]
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(each) for each in found] == [ValueError, ValueError]


@pytest.mark.parametrize("auth", ["auto", "required"])
async def test_many_requests_at_once_cost_one_look(database: Database, auth: str) -> None:
    async with service(database, auth=auth) as (app, client):
        headers = {} if auth == "auto" else shown((await make_key(app, ADMIN))[1])
        before = await statements(app.state.database.client)
        answers = await asyncio.gather(
            *(client.get("/api/whoami", headers=headers) for _ in range(200))
        )
        assert {answer.status_code for answer in answers} == {200}
        assert await statements(app.state.database.client) - before <= 2
