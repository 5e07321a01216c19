"""`in_process`: a generated client, of either interface, on this engine."""

from __future__ import annotations

import asyncio
from typing import Any

from ..scope import Scope
from .client import AsyncBatch, AsyncClient, ClientT, InProcessClient
from .package import GeneratedPackage
from .sync_client import sync_client


def in_process(client: type[ClientT], *, scope: Scope | None = None) -> type[ClientT]:
    """The generated client class, running on the engine in this process.

    `client` is the class `Prisma` of a generated package, of either interface. `scope` confines
    what its calls reach, with the asyncio interface."""
    package = GeneratedPackage(client)
    base: Any = client
    if not asyncio.iscoroutinefunction(base.connect):
        if scope is not None:  # whose thread has none of the caller's context
            raise TypeError("A scope needs the asyncio interface")
        return sync_client(client, package)
    batch = type("Batch", (AsyncBatch, package.client.Batch), {})
    members = {
        "__doc__": client.__doc__,
        "__module__": client.__module__,
        "_package": package,
        "_batch": batch,
        "_scope": scope,
    }
    return type(client.__name__, (AsyncClient, InProcessClient, client), members)
