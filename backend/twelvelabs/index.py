"""Whose the index is, and whether there is one."""

from __future__ import annotations

from dataclasses import dataclass

from backend.core.caller import DEFAULT_OWNER, owner
from backend.twelvelabs.client import TwelveLabs
from backend.twelvelabs.errors import NotSetUp


@dataclass(frozen=True, slots=True)
class Index:
    """`client` None: no key is set. `owner`: whose records those of its videos are."""

    client: TwelveLabs | None
    owner: str = DEFAULT_OWNER

    def own(self) -> TwelveLabs | None:
        """The client, where who is acted for has an index."""
        return self.client if owner.get() == self.owner else None

    def required(self) -> TwelveLabs:
        """Raises NotSetUp."""
        client = self.own()
        if client is None:
            raise NotSetUp
        return client
