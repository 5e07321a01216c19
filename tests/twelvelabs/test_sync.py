"""The worker within the service, and what its endpoints and commands tell and do."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from backend.cli import main
from backend.main import create_app
from backend.models.schemas import VideoAnalysisCreate, VideoAnalysisPatch
from backend.models.sources import HUMAN
from backend.services import Services
from tests.fixtures import Database, on_sqlite, settings_for
from tests.service.test_bad_input import COLLECTION, assert_problem
from tests.twelvelabs.served import served
from tests.twelvelabs.server import INDEX_ID, LoopbackServer
from tests.twelvelabs.videos import made_up

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
STATUS, VIDEOS, SYNC = (f"/api/twelvelabs/{word}" for word in ("status", "videos", "sync"))


async def until(asked: Callable[[], Awaitable[bool]], *, seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not await asked():  # noqa: ASYNC110 - what others do
            await asyncio.sleep(0.05)


async def test_the_service_describes_what_the_index_has(
    database: Database, server: LoopbackServer
) -> None:
    for video in made_up(7):
        server.add(video)
    async with served(database, server, twelvelabs_worker=True, twelvelabs_poll=1) as (app, client):

        async def described(number: int) -> bool:
            counts: dict[str, int] = (await client.get(STATUS)).json()["videos"]
            return counts["described"] == number

        await until(lambda: described(7))
        status = (await client.get(STATUS)).json()
        assert (status["index_id"], status["works_here"]) == (INDEX_ID, True)
        assert status["jobs"]["describe"]["done"] == 7
        assert status["runs"][-1]["kind"] == "full"
        records = (await client.get(COLLECTION)).json()
        assert {record["video_id"] for record in records["analyses"]} == set(server.videos)
        for video in made_up(9):
            server.videos.setdefault(video.id, video)
        assert (await client.post(SYNC, params={"kind": "new"})).status_code == 202
        await until(lambda: described(9))
        assert app.state.sync.worker.is_running
    assert not app.state.sync.worker.is_running
    assert set(server.told.analyses.values()) == {1}


async def test_the_endpoints(database: Database, server: LoopbackServer) -> None:
    for video in made_up(3):
        server.add(video)
    async with served(database, server, twelvelabs_worker=False) as (app, client):
        answer = await client.post(SYNC)
        assert answer.status_code == 202
        assert answer.json() == {
            "number": 1, "kind": "full", "status": "queued", "started_at": None,
            "finished_at": None, "videos": 0, "queued": 0, "error": None,
        }  # fmt: skip
        assert (await client.post(SYNC, params={"kind": "new"})).json() == answer.json()
        assert await app.state.sync.run_now()
        status = (await client.get(STATUS)).json()
        assert status["works_here"] is False
        assert status["videos"]["missing"] == 3
        page = await client.get(VIDEOS, params={"state": "missing", "limit": 2})
        assert [video["video_id"] for video in page.json()["videos"]] == sorted(server.videos)[:2]
        rest = await client.get(page.links["next"]["url"])
        assert [video["video_id"] for video in rest.json()["videos"]] == sorted(server.videos)[2:]
        assert "next" not in rest.links
        cursor = page.json()["next_cursor"]
        other = await client.get(VIDEOS, params={"state": "stale", "cursor": cursor})
        assert_problem(other, 422)
        assert_problem(await client.get(VIDEOS, params={"state": "lost"}), 422)


async def test_without_an_index_there_is_nothing(client: httpx.AsyncClient) -> None:
    for ask in (client.get(STATUS), client.get(f"{VIDEOS}?state=missing"), client.post(SYNC)):
        answer = await ask
        assert assert_problem(answer, 404)["type"] == (
            "urn:memory-mirror:problem:twelvelabs-not-set-up"
        )


async def test_who_does_not_own_the_index_learns_nothing(
    database: Database, server: LoopbackServer
) -> None:
    async with served(database, server, twelvelabs_worker=False, twelvelabs_owner="ann") as (
        _,
        client,
    ):
        assert_problem(await client.get(STATUS), 404)
        assert_problem(await client.post(SYNC), 404)


@dataclass
class Done:
    code: int
    out: str
    err: str


Run = Callable[..., Awaitable[Done]]


@pytest.fixture
def memory_mirror(
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Run:
    """A command, in this process: a new one would take seconds to start."""
    monkeypatch.chdir(tmp_path)  # where there is no .env
    monkeypatch.setenv("DATABASE_URL", database.url)

    async def run(*words: str, server: LoopbackServer | None = None) -> Done:
        for name, value in (server.settings() if server else {}).items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        code = await asyncio.to_thread(main, words)
        return Done(code, *capsys.readouterr())

    return run


async def test_the_commands(server: LoopbackServer, memory_mirror: Run) -> None:
    for video in made_up(4):
        server.add(video)
    names = sorted(server.videos)
    server.videos[names[0]].status = "failed"

    async def ran(*words: str) -> str:
        done = await memory_mirror("twelvelabs", *words, server=server)
        assert (done.code, done.err) == (0, "")
        return done.out

    assert await ran("sync") == "4 videos compared, 3 to be described\n"
    assert await ran("describe") == "3 described, 0 failed, 0 left\n"
    status = json.loads(await ran("status", "--json", "--list", "failed"))
    assert status["videos"]["described"] == 3
    assert [video["video_id"] for video in status["listed"]] == names[:1]
    assert json.loads(await ran("describe", names[1], names[2], "--json")) == {
        "described": 2, "failed": 0, "left": 0, "waits_for": None,
    }  # fmt: skip
    assert sum(server.told.analyses.values()) == 5
    shown = (await ran("status")).splitlines()
    assert shown[0] == f"index {INDEX_ID}: 1 failed, 3 described"
    assert shown[1] == "describe: 3 done"


async def test_the_commands_need_a_key(memory_mirror: Run) -> None:
    for words in (("worker",), ("twelvelabs", "status")):
        done = await memory_mirror(*words)
        assert (done.code, done.out) == (1, "")
        assert done.err.endswith("TWELVELABS_API_KEY is not set. See docs/twelvelabs.md\n")


@on_sqlite
async def test_a_worker_by_itself_stops_when_it_is_told(
    database: Database, server: LoopbackServer
) -> None:
    for video in made_up(3):
        server.add(video)
    worker = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-m", "backend.cli", "worker"],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database.url} | server.settings(),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:

        async def described() -> bool:
            return len(database.rows()) == 3

        await until(described)
        worker.send_signal(signal.SIGTERM)
        _, errors = await asyncio.to_thread(worker.communicate, timeout=30)
    finally:
        worker.kill()
    assert worker.returncode == 0
    assert "WARNING" not in errors


async def test_descriptions_that_are_json_become_text(
    services: Services, database: Database, memory_mirror: Run
) -> None:
    answer = {"title": "Beach day", "summary": "They dig.", "keywords": ["sand"], "reel": 4}
    text = json.dumps(answer)
    store = services.database
    for video_id, description in (
        ("machine", f"```json\n{text}\n```"),
        ("tagged", text),
        ("plain", 'A "summary" in words.'),
        ("other", "Words."),
    ):
        await store.create_video_analysis(
            VideoAnalysisCreate(video_id=video_id, description=description)
        )
    await store.patch_video_analysis(
        "tagged", VideoAnalysisPatch(tags=["ours"], title="Ours", source=HUMAN)
    )
    before = database.rows()
    tried = await memory_mirror("twelvelabs", "normalize", "--dry-run")
    assert (tried.code, tried.err) == (0, "")
    assert tried.out.splitlines()[-1] == (
        "2 changed, 1 left as they are, 0 failed. It was tried: nothing is changed."
    )
    assert database.rows() == before
    done = await memory_mirror("twelvelabs", "normalize", "--json")
    assert (done.code, done.err) == (0, "")
    assert {line["video_id"] for line in map(json.loads, done.out.splitlines())} == {
        "machine", "tagged", "plain",
    }  # fmt: skip
    machine, tagged = [await store.get_video_analysis(name) for name in ("machine", "tagged")]
    assert [machine[name] for name in ("description", "title", "tags", "extra")] == [
        "They dig.", "Beach day", ["sand"], {"reel": 4},
    ]  # fmt: skip
    assert machine["sources"]["description"]["kind"] == "machine"
    assert [tagged[name] for name in ("description", "title", "tags", "extra")] == [
        "They dig.", "Ours", ["ours"], {"title": "Beach day", "keywords": ["sand"], "reel": 4},
    ]  # fmt: skip
    assert tagged["sources"]["tags"]["kind"] == "human"
    again = await memory_mirror("twelvelabs", "normalize")
    assert again.out == "0 changed, 1 left as they are, 0 failed.\n"


async def test_nothing_runs_where_no_key_is_set(database: Database) -> None:
    before = asyncio.all_tasks()
    app = create_app(settings_for(database.url, audit_seal_seconds=0))
    async with app.router.lifespan_context(app):
        assert app.state.sync.worker is None
        assert asyncio.all_tasks() == before
