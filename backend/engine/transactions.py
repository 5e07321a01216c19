"""Interactive transactions: who may use which, for how long, and what is said of closed ones.

States and wording: `transaction-manager.ts` of client-engine-runtime 7.10.

    start -> open -> committed | rolled back | timed out
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Literal

from .drivers.driver import Driver, IsolationLevel, Start, Transaction
from .errors import DriverError, EngineError

_REMEMBERED = 100
"""How many closed transactions are known by what became of them."""

End = Literal["committed", "rolled back", "timed out"]


class TransactionError(EngineError):
    """P2028."""

    def __init__(self, reason: str) -> None:
        super().__init__("P2028", f"Transaction API error: {reason}")
        self.reason = reason


@dataclass(eq=False, slots=True)
class _Open:
    transaction: Transaction
    timeout: float
    started: float = field(default_factory=monotonic)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the transaction is used: a connection does one thing at a time."""
    timer: asyncio.TimerHandle | None = None


@dataclass(frozen=True, slots=True)
class _Closed:
    end: End
    timeout: float
    started: float


class TransactionManager:
    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._open: dict[str, _Open] = {}
        self._closed: OrderedDict[str, _Closed] = OrderedDict()
        self._expiring: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._open)

    async def start(
        self, *, timeout: float, max_wait: float, isolation_level: IsolationLevel | None
    ) -> str:
        """Open a transaction that may last `timeout` seconds; its id. Raises TransactionError,
        DriverError."""
        try:
            transaction = await self._driver.begin(
                isolation_level=isolation_level, max_wait=max_wait
            )
        except TimeoutError:
            raise TransactionError("Unable to start a transaction in the given time.") from None
        id_ = secrets.token_hex(16)
        entry = self._open[id_] = _Open(transaction, timeout)
        loop = asyncio.get_running_loop()
        entry.timer = loop.call_later(timeout, self._expire_soon, id_)
        return id_

    async def run(self, id_: str, start: Start) -> Any:
        """Run a program in the transaction. Raises TransactionError, and what the program does."""
        entry = self._entry(id_, "query")
        async with entry.lock:
            self._entry(id_, "query")  # it may have been closed meanwhile
            return await entry.transaction.run(start)

    async def commit(self, id_: str) -> None:
        entry = self._entry(id_, "commit")
        async with entry.lock:
            self._entry(id_, "commit")
            try:
                await entry.transaction.commit()
            except BaseException:
                self._close(id_, "rolled back")
                await entry.transaction.rollback()
                raise
            self._close(id_, "committed")

    async def rollback(self, id_: str) -> None:
        entry = self._entry(id_, "rollback")
        async with entry.lock:
            self._entry(id_, "rollback")
            self._close(id_, "rolled back")
            await entry.transaction.rollback()

    async def close(self) -> None:
        """Roll back all that are open."""
        for id_ in list(self._open):
            await self._end(id_, "rolled back")
        if self._expiring:
            await asyncio.wait(self._expiring)

    def _entry(self, id_: str, operation: str) -> _Open:
        entry = self._open.get(id_)
        if entry is None:
            raise _no_longer_open(self._closed.get(id_), operation)
        return entry

    def _close(self, id_: str, end: End) -> None:
        entry = self._open.pop(id_)
        if entry.timer is not None:
            entry.timer.cancel()
        self._closed[id_] = _Closed(end, entry.timeout, entry.started)
        if len(self._closed) > _REMEMBERED:
            self._closed.popitem(last=False)

    def _expire_soon(self, id_: str) -> None:
        task = asyncio.get_running_loop().create_task(self._end(id_, "timed out"))
        self._expiring.add(task)
        task.add_done_callback(self._expiring.discard)

    async def _end(self, id_: str, end: End) -> None:
        entry = self._open.get(id_)
        if entry is None:
            return
        async with entry.lock:
            if id_ not in self._open:
                return
            self._close(id_, end)
            # Where it fails, its connection is lost, and the transaction with it.
            with contextlib.suppress(DriverError):
                await entry.transaction.rollback()


def _no_longer_open(closed: _Closed | None, operation: str) -> TransactionError:
    if closed is None:
        return TransactionError(
            "Transaction not found. Transaction ID is invalid, refers to an old closed transaction "
            "Prisma doesn't have information about anymore, or was obtained before disconnecting."
        )
    what = f"Transaction already closed: A {operation} cannot be executed on"
    if closed.end == "committed":
        return TransactionError(f"{what} a committed transaction.")
    if closed.end == "rolled back":
        return TransactionError(f"{what} a transaction that was rolled back.")
    passed = (monotonic() - closed.started) * 1000
    return TransactionError(
        f"{what} an expired transaction. The timeout for this transaction was "
        f"{closed.timeout * 1000:.0f} ms, however {passed:.0f} ms passed since the start of the "
        "transaction. Consider increasing the interactive transaction timeout or doing less work "
        "in the transaction."
    )
