"""Prisma's own client, in a Node.js process of its own (server.mjs)."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from oracle.calls import Call, Mode, Provider, theirs

FOLDER = Path(__file__).parent
LINE_BYTES = 64 * 1024 * 1024
ANSWER_SECONDS = 60


class OracleError(Exception):
    """The oracle itself failed; nothing is known about our engine."""


def install() -> None:
    """Fetch the pinned packages unless the lock file's are there already."""
    lock, installed = FOLDER / "package-lock.json", FOLDER / "node_modules" / ".package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise OracleError(
            "The oracle is Prisma's own client and needs Node.js (node and npm) on the PATH."
        )
    subprocess.run(
        [npm, "ci", "--ignore-scripts", "--omit=peer", "--no-audit", "--no-fund"],
        cwd=FOLDER,
        check=True,
    )


class Prisma:
    """Ask one thing at a time: open databases, then run calls on them by name."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls) -> Self:
        process = await asyncio.create_subprocess_exec(
            "node",
            "--no-deprecation",
            str(FOLDER / "server.mjs"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_BYTES,
        )
        return cls(process)

    async def open(self, name: str, schema: str, provider: Provider, url: str) -> dict[str, Any]:
        """Connect, and return the schema's DMMF."""
        dmmf: dict[str, Any] = await self._ask(
            op="open", name=name, schema=for_provider(schema, provider), provider=provider, url=url
        )
        return dmmf

    async def run(
        self, name: str, calls: Sequence[Call], mode: Mode = "each"
    ) -> list[dict[str, Any]]:
        """One outcome for each call ({"value"} or {"error"}); for a batch one for all."""
        outcomes: list[dict[str, Any]] = await self._ask(
            op="run", name=name, mode=mode, calls=[theirs(call) for call in calls]
        )
        return outcomes

    async def disconnect(self, name: str) -> None:
        await self._ask(op="close", name=name)

    async def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 10)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _ask(self, **request: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        await self._process.stdin.drain()
        line = await asyncio.wait_for(self._process.stdout.readline(), ANSWER_SECONDS)
        if not line:
            raise OracleError(f"Node.js ended with {await self._process.wait()}")
        answer = json.loads(line)
        if "failed" in answer:
            raise OracleError(answer["failed"])
        return answer["ok"]


def for_provider(schema: str, provider: Provider) -> str:
    """Prisma 7 knows no `url` in the schema; the provider is chosen by the caller."""
    without_url = re.sub(r"^\s*url\s*=.*\n", "", schema, flags=re.MULTILINE)
    return re.sub(r'provider = "(sqlite|postgresql)"', f'provider = "{provider}"', without_url)
