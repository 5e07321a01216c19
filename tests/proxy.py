"""A TCP proxy on 127.0.0.1 that can fall silent, as a NAT does that forgets its connections."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType


class _Passed:
    """One connection, and its other half to the target."""

    def __init__(self, *, silent: bool) -> None:
        self.silent = silent
        self.writers: list[asyncio.StreamWriter] = []

    async def copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What is read is acknowledged by TCP, whether it is passed on or not."""
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                if not self.silent:
                    writer.write(data)
                    await writer.drain()
        if not self.silent:
            writer.close()


class Proxy:
    """Passes on what comes to `port` to the same address's `target`, and back."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._passed: list[_Passed] = []
        self._silent = False
        self.port = 0

    def fall_silent(self, *, new_ones_too: bool = False) -> None:
        """What is open stays open and passes nothing on for ever; and so does what is opened from
        now on until `recover`, if `new_ones_too`."""
        self._silent = new_ones_too
        for passed in self._passed:
            passed.silent = True

    @property
    def accepted(self) -> int:
        """How many connections there have been."""
        return len(self._passed)

    def recover(self) -> None:
        self._silent = False

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passed = _Passed(silent=self._silent)
        self._passed.append(passed)
        passed.writers.append(writer)
        if passed.silent:
            await passed.copy(reader, writer)
            return
        try:
            to_target = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        passed.writers.append(to_target[1])
        await asyncio.gather(passed.copy(reader, to_target[1]), passed.copy(to_target[0], writer))

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        writers = [writer for passed in self._passed for writer in passed.writers]
        for writer in writers:
            writer.transport.abort()
        for writer in writers:
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
        await asyncio.sleep(0)
