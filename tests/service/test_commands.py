"""`memory-mirror search`, `tags` and `stats`, on a database that the service has filled."""

from __future__ import annotations

import asyncio
import json
import subprocess

import httpx
import pytest

from backend.core.caller import acting_for
from backend.models.schemas import VideoAnalysisCreate
from backend.services import make_services
from tests.commands import memory_mirror
from tests.fixtures import Database

pytestmark = pytest.mark.anyio


async def test_commands(client: httpx.AsyncClient, database: Database) -> None:
    for video_id, tag in (("a", "sea"), ("b", "sea"), ("c", "snow")):
        body = {"video_id": video_id, "description": f"A day <at> {tag}", "tags": [tag]}
        await client.post("/api/video-analysis/", json=body)

    done = memory_mirror(database, "search", "days", "snow")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].split()[1] == "c"
    assert done.stdout.splitlines()[1].strip() == "A [day] <at> [snow]"
    found = json.loads(memory_mirror(database, "search", "day", "--tag", "sea", "--json").stdout)
    assert sorted(result["video_id"] for result in found["results"]) == ["a", "b"]
    assert memory_mirror(database, "search").returncode == 2
    assert memory_mirror(database, "search", "x", "--recorded-to", "soon").returncode == 2

    assert memory_mirror(database, "tags").stdout.split() == ["2", "sea", "1", "snow"]
    assert memory_mirror(database, "tags", "--rename", "snow", "ice").stdout.split() == ["1", "ice"]
    done = memory_mirror(database, "tags", "--rename", "snow", "ice")
    assert (done.returncode, done.stderr) == (1, "memory-mirror tags: No video has the tag snow\n")
    assert memory_mirror(database, "tags", "--merge", "ice", "sea").stdout.split() == ["3", "sea"]
    assert memory_mirror(database, "tags", "--delete", "sea").returncode == 0
    assert memory_mirror(database, "tags").stdout == ""

    assert memory_mirror(database, "stats").stdout.startswith("videos       3\n")
    assert json.loads(memory_mirror(database, "stats", "--json").stdout)["total"] == 3


async def test_commands_act_for_the_owner_that_they_name(own_database: Database) -> None:
    services = make_services(own_database.url)
    await services.database.connect()
    for name in ("ann", "bob"):
        with acting_for(name):
            new = VideoAnalysisCreate(
                video_id="v", description=f"A day of {name}.", tags=["sea", name]
            )
            await services.database.create_video_analysis(new)
    await services.database.disconnect()

    def said(*words: str) -> str:
        done = memory_mirror(own_database, *words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert said("tags", "--owner", "ann").split() == ["1", "ann", "1", "sea"]
    assert said("tags", "--owner", "ann", "--rename", "sea", "shore").split() == ["1", "shore"]
    assert said("tags", "--owner", "bob").split() == ["1", "bob", "1", "sea"]
    assert said("search", "day", "--owner", "bob").splitlines()[1].strip() == "A [day] of bob."
    assert said("search", "day").strip() == "Nothing found"
    assert said("stats", "--owner", "bob").startswith("videos       1\n")
    listed = said("audit", "list").splitlines()
    assert [line.split(" of ")[1] for line in listed] == ["ann", "ann", "bob", "ann"]
    assert len(said("audit", "list", "--video-id", "v").splitlines()) == 3
    assert len(said("audit", "list", "--owner", "bob").splitlines()) == 1
    refused = memory_mirror(own_database, "tags", "--owner", "*", "--delete", "sea")
    assert refused.returncode == 2
    assert said("tags", "--owner", "bob").split() == ["1", "bob", "1", "sea"]


async def test_reindex_finds_what_others_wrote(
    client: httpx.AsyncClient, database: Database
) -> None:
    await client.post("/api/video-analysis/", json={"video_id": "a", "description": "A whale."})
    record = (await client.get("/api/video-analysis/a")).json()
    database.execute("UPDATE video_analysis SET description = 'A zebra.'")
    database.execute(
        "INSERT INTO video_analysis (id, video_id, description, updated_at)"
        " VALUES ('x', 'b', 'Another zebra.', '2026-01-01 10:00:00')"
    )
    assert (await client.get("/api/search?q=zebra")).json()["count"] == 0

    done = memory_mirror(database, "search", "--reindex")

    assert (done.returncode, done.stdout) == (0, "2 descriptions indexed\n")
    assert (await client.get("/api/search?q=zebra")).json()["count"] == 2
    assert (await client.get("/api/search?q=whale")).json()["count"] == 0
    assert (await client.get("/api/video-analysis/a")).json() == {
        **record,
        "description": "A zebra.",
        "version": 2,
    }


async def test_keys(client: httpx.AsyncClient, database: Database) -> None:
    def keys(*words: str) -> subprocess.CompletedProcess[str]:
        return memory_mirror(database, "keys", *words)

    done = keys("create", "--name", "site", "--owner", "a,b", "--scopes", "search,stats", "--json")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    made = json.loads(done.stdout)
    assert made["key"].startswith(f"mm_{made['id']}_")
    assert (made["name"], made["owner"], made["owners"]) == ("site", "a", ["a", "b"])
    assert made["scopes"] == ["search", "stats"]
    assert made["created_by"].startswith("memory-mirror keys (")
    assert made["expires_at"] is None

    text, said = keys(
        "create", "--name", "x", "--scopes", "admin", "--expires", "90d"
    ).stdout.split("\n", 1)
    assert text.startswith("mm_")
    assert said.startswith("Keep it now: it is shown this once. It ends 20")

    turned = json.loads(keys("rotate", made["id"], "--grace", "1h", "--json").stdout)
    assert turned["id"] == made["id"]
    assert turned["key"] != made["key"]
    await asyncio.sleep(1)  # until when the service knows of the first key
    for key in (made["key"], turned["key"]):
        me = await client.get("/api/stats", headers={"X-API-Key": key, "X-Owner": "b"})
        assert me.status_code == 200
    assert keys("revoke", made["id"]).stdout == f"Key {made['id']} is revoked.\n"
    assert keys("rotate", made["id"]).returncode == 1

    listed = json.loads(keys("list", "--json").stdout)
    assert [each["name"] for each in listed["keys"]] == ["x", "site"]
    assert "key" not in listed["keys"][0]
    lines = keys("list").stdout.splitlines()
    assert [line.split()[1] for line in lines] == ["usable", "revoked"]

    for words, said in (
        (("create", "--name", "x", "--scopes", "all"), "scopes: Input should be 'records:read'"),
        (("create", "--name", "x", "--owner", "a b", "--scopes", "stats"), "owners: An owner is"),
        (("create", "--name", "x", "--scopes", "stats", "--expires", "0d"), "--expires is a time"),
        (("create", "--name", "x", "--scopes", "stats", "--expires", "99999d"), "--expires is"),
        (("rotate", made["id"], "--grace", "soon"), "--grace is a time"),
        (("revoke", made["key"]), "the id of a key is the part after mm_"),
    ):
        done = keys(*words)
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr
        assert made["key"][16:] not in done.stderr
    done = keys("revoke", "000000000000")
    assert (done.returncode, done.stderr) == (
        1,
        "memory-mirror keys: There is no key with the id 000000000000\n",
    )
