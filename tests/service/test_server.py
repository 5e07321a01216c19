"""The server as a process: concurrency, kill -9, clients that leave, garbage on its socket."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import resource
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.fixtures import Database, on_sqlite
from tests.service.server import Server
from tests.service.test_bad_input import COLLECTION, JSON, assert_problem, text

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def shared_server(
    shared_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    with Server(shared_database.url, tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def server(shared_server: Server, database: Database) -> Server:
    """A server on `database`, which its other tests share."""
    return shared_server


@pytest.fixture
def own_server(own_database: Database, tmp_path: Path) -> Iterator[Server]:
    """For a test that ends it."""
    with Server(own_database.url, tmp_path) as server:
        yield server


def clients(server: Server, *, connections: int) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    return httpx.AsyncClient(base_url=server.url, limits=limits, timeout=120)


async def test_of_200_who_create_the_same_video_at_once_one_succeeds(
    server: Server, database: Database
) -> None:
    async with clients(server, connections=200) as client:
        answers = await asyncio.gather(
            *(
                client.post(COLLECTION, json={"video_id": "same", "description": f"by {n}"})
                for n in range(200)
            )
        )
    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 199}
    (winner,) = (answer.json() for answer in answers if answer.status_code == 201)
    assert database.rows() == {"same": winner["description"]}


async def test_a_thousand_mixed_requests_in_flight(server: Server, database: Database) -> None:
    async with clients(server, connections=1000) as client:
        for n in range(50):
            await client.post(COLLECTION, json={"video_id": f"old{n}", "description": "old"})

        def request(n: int) -> tuple[str, str, object, set[int]]:
            old = f"/api/video-analysis/old{n % 50}"
            return (
                ("POST", COLLECTION, {"video_id": f"new{n}", "description": f"text {n}"}, {201}),
                ("GET", old, None, {200, 404}),
                ("PUT", old, {"description": f"text {n}"}, {200, 404}),
                ("GET", f"{COLLECTION}?limit=20", None, {200}),
                ("GET", "/api/video-analysis/none", None, {404}),
                ("DELETE", f"/api/video-analysis/old{n % 10}", None, {204, 404}),
                ("GET", "/api/test/health", None, {200}),
                ("POST", COLLECTION, {"video_id": "", "description": ""}, {422}),
            )[n % 8]  # fmt: skip

        wanted = [request(n) for n in range(1000)]
        answers = await asyncio.gather(
            *(client.request(method, path, json=body) for method, path, body, _ in wanted)
        )
    for (method, path, _, statuses), answer in zip(wanted, answers, strict=True):
        assert answer.status_code in statuses, (method, path, answer.text)
    created = {f"new{n}": f"text {n}" for n in range(0, 1000, 8)}
    stored = database.rows()
    assert {key: stored[key] for key in created} == created
    assert not any(f"old{n}" in stored for n in range(1, 10, 2))


async def test_every_answered_write_survives_a_kill(
    own_server: Server, own_database: Database
) -> None:
    """What was not answered is there whole, or not at all."""
    sent: dict[str, str] = {}
    answered: dict[str, str] = {}

    async def write(client: httpx.AsyncClient, writer: str) -> None:
        for n in range(10_000):
            video_id, description = f"{writer}-{n}", f"{writer} {n} " * 500
            sent[video_id] = description
            try:
                answer = await client.post(
                    COLLECTION, json={"video_id": video_id, "description": description}
                )
            except httpx.TransportError:
                return
            assert answer.status_code == 201
            answered[video_id] = description
            if len(answered) >= 100 * (life + 1):
                enough.set()

    for life in range(2):
        enough = asyncio.Event()
        async with clients(own_server, connections=8) as client:
            writers = [asyncio.create_task(write(client, f"{life}-{n}")) for n in range(8)]
            await asyncio.wait_for(enough.wait(), 60)
            own_server.kill()
            await asyncio.gather(*writers)
        own_server.start()
        async with clients(own_server, connections=1) as client:
            listed = (await client.get(f"{COLLECTION}?limit=1000")).json()["analyses"]
        stored = {each["video_id"]: each["description"] for each in listed}
        assert answered.items() <= stored.items() <= sent.items()
        assert own_database.rows() == stored
        assert own_database.indexed() == set(stored)


async def test_a_client_that_leaves_after_its_request(server: Server, database: Database) -> None:
    async with clients(server, connections=1) as client:
        await client.post(COLLECTION, json={"video_id": "v", "description": "old"})
        body = json.dumps({"description": "new " * 10_000}).encode()
        request = (
            b"PUT /api/video-analysis/v HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
        ) % (len(body), body)
        for cut in (0, 1, len(request) - 1, len(request) // 2, len(request)):
            with socket.create_connection(("127.0.0.1", server.port)) as connection:
                connection.sendall(request[:cut])
        for _ in range(100):
            found = (await client.get("/api/video-analysis/v")).json()["description"]
            assert found in ("old", "new " * 10_000)
            if found != "old":
                break
            await asyncio.sleep(0.05)
    assert database.rows() == {"v": "new " * 10_000}


def exchange(server: Server, data: bytes) -> bytes:
    """What the server answers to these bytes before it closes the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        answer = b""
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                answer += part
        except ConnectionError:
            pass  # it may close before it has read all
        except OSError as error:
            if error.errno != errno.ENOTCONN:  # closed even before our shutdown
                raise
        return answer


POST = (
    b"POST /api/video-analysis/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
)


GARBAGE = [
    b"\r\n\r\n",
    b"garbage\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100,
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /api/video-analysis/\xc3\xa9 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /a b c HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET  HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET http://x HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n: empty\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    b"CONNECT x:1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    POST + b"Content-Length: -1\r\n\r\n",
    POST + b"Content-Length: 1e3\r\n\r\n",
    POST + b"Content-Length: " + b"9" * 100 + b"\r\n\r\n",
    POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
    POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}",
    POST + b"Transfer-Encoding: gzip\r\n\r\n{}",
    POST + b"Content-Length: 100\r\n\r\n" + text(),
    POST + b"Content-Length: 2000000\r\n\r\n",
    POST + b"Content-Length: 10000000000\r\n\r\n" + b" " * 100_000,
]


def test_garbage_on_the_socket(server: Server, database: Database) -> None:
    for data in GARBAGE:
        answer = exchange(server, data)
        assert not answer or answer.startswith(b"HTTP/1.1 4"), (data[:100], answer)
        assert httpx.get(f"{server.url}/api/test/health").status_code == 200, data[:100]
    assert database.rows() == {}
    assert "Traceback" not in server.log()


def test_an_answer_arrives_in_one_piece(server: Server, database: Database) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        for _ in range(20):
            connection.sendall(b"GET /api/test/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            headers, _, body = connection.recv(65536).partition(b"\r\n\r\n")
            assert headers.startswith(b"HTTP/1.1 200")
            assert json.loads(body)["status"] == "ok"


def test_requests_in_a_row_are_answered_in_their_order(server: Server, database: Database) -> None:
    asked = b"".join(
        b"GET /api/video-analysis/v%d HTTP/1.1\r\nHost: localhost\r\n%s\r\n"
        % (number, b"Connection: close\r\n" if number == 49 else b"")
        for number in range(50)
    )
    answered = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(asked)
        while part := connection.recv(65536):
            answered += part
    found = [part.partition(b'"')[0] for part in answered.split(b'"instance":"')[1:]]
    assert found == [b"/api/video-analysis/v%d" % number for number in range(50)]


def test_ten_megabytes_are_refused_with_an_answer_that_arrives(
    server: Server, database: Database
) -> None:
    for _ in range(5):
        answer = httpx.post(server.url + COLLECTION, content=b"x" * 10_000_000, headers=JSON)
        assert_problem(answer, 413)
        assert answer.headers["connection"] == "close"
    # A plain client sends all before it reads: it must not meet a closed connection.
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(POST + b"Content-Length: 10000000\r\n\r\n" + b"x" * 10_000_000)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413")
    # Said to be long, and never sent: the answer does not wait for it.
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(POST + b"Content-Length: 10000000\r\n\r\n{")
        assert connection.recv(65536).startswith(b"HTTP/1.1 413")
    assert database.rows() == {}


async def test_a_stop_lets_the_running_requests_finish(
    own_server: Server, own_database: Database
) -> None:
    process = psutil.Process(own_server.pid)
    assert process.children(recursive=True) == []
    async with clients(own_server, connections=20) as client:
        running = [
            asyncio.create_task(
                client.post(COLLECTION, json={"video_id": f"v{n}", "description": "text"})
            )
            for n in range(20)
        ]
        await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        assert await asyncio.to_thread(own_server.stop) in (0, -signal.SIGTERM)
        outcomes = await asyncio.gather(*running, return_exceptions=True)
    created = {
        f"v{n}"
        for n, outcome in enumerate(outcomes)
        if isinstance(outcome, httpx.Response) and outcome.status_code == 201
    }
    assert created <= own_database.rows().keys()
    assert "Traceback" not in own_server.log()


@on_sqlite
def test_when_descriptors_run_out_the_log_says_so(own_database: Database, tmp_path: Path) -> None:
    server = Server(own_database.url, tmp_path)
    server.start()
    try:
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (60, 60))
        with contextlib.ExitStack() as stack:
            for _ in range(80):
                address = ("127.0.0.1", server.port)
                stack.enter_context(socket.create_connection(address, timeout=10))
            assert "Descriptors are running out" in until(server.log, "running out")
        assert server.log().count("running out") == 1
        until(lambda: str(httpx.get(f"{server.url}/api/test/health").status_code), "200")
    finally:
        server.stop()


def until(read: Callable[[], str], expected: str) -> str:
    deadline = time.monotonic() + 20
    while True:
        with contextlib.suppress(httpx.TransportError):
            if expected in (found := read()) or time.monotonic() > deadline:
                return found
        time.sleep(0.05)


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells a process of its parent's end"
)
@on_sqlite
def test_workers_end_with_a_supervisor_that_is_killed(
    own_database: Database, tmp_path: Path
) -> None:
    server = Server(own_database.url, tmp_path, arguments=("--workers", "2"))
    server.start()
    workers = psutil.Process(server.pid).children(recursive=True)
    server.kill()
    _, alive = psutil.wait_procs(workers, timeout=30)
    assert not alive
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{server.url}/api/test/health")
