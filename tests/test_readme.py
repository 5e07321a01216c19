"""The README's session, replayed against a new server: the answers are those that it shows."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from backend.engine.migrate.deploy import deploy

ROOT = Path(__file__).parents[1]
SHOWN_ADDRESS = "http://127.0.0.1:8000"
VARYING = (
    (r'"c[a-z0-9]{24}"', '"<id>"'),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "<time>"),
)


def session() -> Iterator[tuple[str, str]]:
    """Each command that the README shows, and what it shows below it."""
    for block in re.findall(
        r"^```console\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.M | re.S
    ):
        for entry in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, output = entry.partition("\n")
            yield command, output


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    url = f"file:{tmp_path / 'session.db'}"
    asyncio.run(deploy(ROOT / "prisma" / "schema.prisma", url, log=lambda _: None))
    server = subprocess.Popen(
        [sys.executable, "-m", "backend.cli", "serve", "--port", "0"],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": url, "HOST": "127.0.0.1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        first = server.stdout.readline()
        yield first.removeprefix("Serving on ").strip()
    finally:
        server.terminate()
        server.communicate(timeout=20)


def test_the_session_gives_the_answers_that_it_shows(address: str) -> None:
    steps = list(session())
    assert len(steps) >= 5
    with httpx.Client(timeout=30) as client:
        for command, shown in steps:
            answered = curl(client, command.replace(SHOWN_ADDRESS, address))
            assert (command, same(answered)) == (command, same(shown.rstrip("\n")))


def same(text: str) -> str:
    for pattern, name in VARYING:
        text = re.sub(pattern, name, text)
    return text


def curl(client: httpx.Client, command: str) -> str:
    """What curl prints, for the options that the README uses. Any other fails."""
    words = shlex.split(command)
    assert words.pop(0) == "curl"
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("url")
    parser.add_argument("-s", action="store_true")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="data")
    parser.add_argument("-o", dest="output")
    parser.add_argument("-w", dest="write_out", default="")
    given = parser.parse_args(words)
    answer = client.request(
        given.method or ("GET" if given.data is None else "POST"),
        given.url,
        content=given.data,
        headers=[tuple(header.split(": ", 1)) for header in given.headers],
    )
    said = given.write_out.replace("%{http_code}", str(answer.status_code)).replace(r"\n", "")
    return ("" if given.output else answer.text) + said
