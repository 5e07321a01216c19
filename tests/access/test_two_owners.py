"""A short walk of what `make test-owners` does at length."""

from __future__ import annotations

import pytest

from tests.access.fixtures import make_key, service
from tests.access.two_owners import OWNERS, Side, compare
from tests.fixtures import MakeDatabase

pytestmark = pytest.mark.anyio


async def test_each_owner_gets_the_answers_of_a_service_of_its_own(
    make_database: MakeDatabase,
) -> None:
    async with (
        service(make_database()) as (app, client),
        service(make_database()) as anns,
        service(make_database()) as bobs,
    ):
        shared, alone = {}, {}
        for owner, (own_app, own_client) in zip(OWNERS, (anns, bobs), strict=True):
            _, key = await make_key(app, "admin", owners=(owner,))
            shared[owner] = Side(client, key)
            _, key = await make_key(own_app, "admin", owners=(owner,))
            alone[owner] = Side(own_client, key)
        statuses = await compare(shared, alone, number=350, seed=20)
        assert {200, 201, 204, 404, 409} <= statuses.keys()
