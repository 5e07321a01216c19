"""When a key is needed, and when the service does not start."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from backend.access.rules import AccessRules, TokenRules
from backend.commands.keys import OPERATOR
from backend.core.addresses import is_local
from backend.core.caller import ADMIN
from backend.core.errors import StartupError
from backend.main import create_app
from tests.access.fixtures import make_key, service, shown
from tests.fixtures import Database, client_of, settings_for
from tests.service.server import Server

ME = "/api/whoami"
JWT = TokenRules(secret="s" * 32)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("/run/service.sock", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
        ("::ffff:192.168.1.2", False),
        ("localhost.example.org", False),
        ("example.org", False),
        ("", False),
    ],
)
def test_addresses_that_only_this_machine_reaches(address: str, expected: bool) -> None:
    assert is_local(address) is expected


@pytest.mark.parametrize(
    ("rules", "from_here", "from_elsewhere"),
    [
        (AccessRules(), True, False),
        (AccessRules(host="0.0.0.0"), False, False),
        (AccessRules(tokens=JWT), False, False),
        (AccessRules("required"), False, False),
        (AccessRules("required", off_i_know=True), False, False),
        (AccessRules("auto", off_i_know=True), True, False),
        (AccessRules("off"), True, False),
        (AccessRules("off", tokens=JWT), True, False),
        (AccessRules("off", "0.0.0.0"), False, False),
        (AccessRules("off", "0.0.0.0", off_i_know=True), True, True),
    ],
)
def test_what_may_be_open(rules: AccessRules, from_here: bool, from_elsewhere: bool) -> None:
    assert rules.is_open_at("127.0.0.1") is from_here
    assert rules.is_open_at("192.168.1.2") is from_elsewhere
    assert rules.is_open_at(None) is from_elsewhere


@pytest.mark.anyio
async def test_whoever_asks_is_anybody_where_it_is_open(database: Database) -> None:
    async with service(database, auth="auto") as (_, client):
        me = (await client.get(ME)).json()
        assert (me["kind"], me["owner"], me["scopes"]) == ("anonymous", "default", [ADMIN])
        assert (await client.get(ME, headers={"X-Owner": "default"})).status_code == 200
        assert (await client.get(ME, headers={"X-Owner": "other"})).status_code == 403
        made = await client.post(
            "/api/keys", json={"name": "a", "owners": ["*"], "scopes": ["admin"]}
        )
        assert made.status_code == 403, "it acts for one owner"


@pytest.mark.anyio
async def test_what_comes_from_elsewhere_needs_a_key(database: Database) -> None:
    """As with `uvicorn --host 0.0.0.0`, of which the service is not told."""
    async with service(database, auth="auto", allowed_hosts=("*",)) as (app, client):
        assert (await client.get(ME)).status_code == 200
        elsewhere = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://192.168.1.2"
        )
        async with elsewhere:
            assert (await elsewhere.get(ME)).status_code == 401


@pytest.mark.anyio
async def test_where_there_was_a_key_one_is_needed_for_ever(database: Database) -> None:
    async with service(database, auth="auto") as (app, _):
        id_, _ = await make_key(app, ADMIN)
        await app.state.access.revoke(OPERATOR, id_)
    async with service(database, auth="auto") as (_, client):
        assert (await client.get(ME)).status_code == 401
    async with service(database, auth="off") as (_, client):
        assert (await client.get(ME)).status_code == 200


@pytest.mark.anyio
async def test_a_database_that_is_away_opens_nothing(own_database: Database) -> None:
    async with service(own_database, auth="auto") as (_, client):
        own_database.execute("DROP TABLE access_key")
        answer = await client.get(ME)
        assert (answer.status_code, answer.json()["type"].rpartition(":")[2]) == (
            503,
            "database-unavailable",
        )
        assert (await client.get("/docs")).status_code == 200
        answer = await client.get(ME, headers=shown("mm_5Kd3NBUAdUnh_" + "0" * 43 + "3lCAUd"))
        assert answer.status_code == 503


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"host": "0.0.0.0"}, "There is no key yet.*Run: memory-mirror keys create --name admin"),
        ({"host": "0.0.0.0", "auth": "required"}, "There is no key yet"),
        ({"host": "192.168.1.2", "auth": "off"}, "set AUTH_OFF_I_KNOW=true"),
    ],
)
async def test_it_does_not_start_where_nobody_or_everybody_could_get_in(
    database: Database, settings: dict[str, Any], reason: str
) -> None:
    app = create_app(settings_for(database.url, **settings))
    with pytest.raises(StartupError, match=reason):
        async with app.router.lifespan_context(app):
            pass


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("settings", "said", "status"),
    [
        ({"auth": "auto"}, "Open to this machine", 200),
        ({"auth": "required"}, "A key is needed, and there is none yet. Run: ", 401),
        ({"auth": "auto", "jwt_secret": SecretStr("s" * 32)}, "A key is needed or a token", 401),
        ({"auth": "off"}, "AUTH=off: no key is needed", 200),
        ({"auth": "off", "host": "0.0.0.0", "auth_off_i_know": True}, "WARNING", 200),
        ({"host": "0.0.0.0", "jwt_secret": SecretStr("s" * 32)}, "or a token", 401),
    ],
)
async def test_it_says_at_the_start_who_needs_a_key(
    database: Database,
    settings: dict[str, Any],
    said: str,
    status: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with service(database, **settings) as (app, client):
        assert said in capsys.readouterr().err
        async with client_of(app) as client:
            assert (await client.get(ME)).status_code == status


def serve(database: Database, folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "backend.cli", "serve", "--port", "0"],
        cwd=folder,
        env={**os.environ, "DATABASE_URL": database.url, **settings},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_serve_refuses_a_public_address_and_names_the_command(
    database: Database, tmp_path: Path
) -> None:
    done = serve(database, tmp_path, HOST="0.0.0.0")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "memory-mirror serve: There is no key yet, and the service would listen on 0.0.0.0. "
        "Run: memory-mirror keys create --name admin --owner '*' --scopes admin\n"
    )
    done = serve(database, tmp_path, HOST="0.0.0.0", AUTH="off")
    assert (done.returncode, done.stdout) == (1, "")
    assert "set AUTH_OFF_I_KNOW=true" in done.stderr


def test_serve_listens_on_a_public_address_once_there_is_a_key(
    database: Database, tmp_path: Path
) -> None:
    made = subprocess.run(
        [sys.executable, "-m", "backend.cli", "keys", "create", "--name", "a", "--scopes", "admin"],
        env={**os.environ, "DATABASE_URL": database.url},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    key = made.stdout.splitlines()[0]
    with Server(database.url, tmp_path, arguments=["--host", "0.0.0.0"]) as server:
        assert httpx.get(server.url + ME).status_code == 401
        assert httpx.get(server.url + ME, headers=shown(key)).status_code == 200


def within_a_second(holds: Callable[[], bool]) -> bool:
    """After a second, that is: what holds only later does not hold."""
    end = monotonic() + 1.0
    while monotonic() < end:
        if holds():
            return True
        sleep(0.05)
    return holds()


def test_two_processes_know_of_a_key_and_of_its_end_within_a_second(
    database: Database, tmp_path: Path
) -> None:
    def keys(*words: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "backend.cli", "keys", *words],
            env={**os.environ, "DATABASE_URL": database.url},
            cwd=tmp_path,
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout

    with ExitStack() as stack:
        urls = []
        for name in ("one", "other"):
            (tmp_path / name).mkdir()
            server = stack.enter_context(Server(database.url, tmp_path / name))
            urls.append(server.url + ME)

        def all_answer(status: int, key: str) -> bool:
            return all(httpx.get(url, headers=shown(key)).status_code == status for url in urls)

        assert [httpx.get(url).status_code for url in urls] == [200, 200]
        key = keys("create", "--name", "first", "--scopes", "stats").splitlines()[0]
        assert within_a_second(lambda: [httpx.get(url).status_code for url in urls] == [401, 401])
        assert all_answer(200, key)
        keys("revoke", key.split("_")[1])
        assert within_a_second(lambda: all_answer(401, key))
