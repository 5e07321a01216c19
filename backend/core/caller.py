"""Who asks for what is done now, and for which owner."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

Scope = Literal[
    "records:read",
    "records:write",
    "records:delete",
    "search",
    "names:write",
    "stats",
    "transfer",
    "history",
    "audit",
    "keys",
    "webhooks",
    "twelvelabs",
    "admin",
]
"""What a caller may do. Each endpoint needs one of them."""
SCOPES: tuple[Scope, ...] = get_args(Scope)
ADMIN: Scope = "admin"
"""Holds all the others."""

ANONYMOUS = "anonymous"

actor: ContextVar[str] = ContextVar("actor", default=ANONYMOUS)
"""Of a request: `anonymous`, as long as nobody must say who asks. Of a command: the command and the
system's user."""

DEFAULT_OWNER = "default"
"""Whose everything is, where nobody says whose."""
ALL_OWNERS = "*"
"""No owner's name: whoever looks after the whole database acts for it."""

owner: ContextVar[str] = ContextVar("owner", default=DEFAULT_OWNER)
"""For whom a request or a command acts: what it reads and writes is this owner's."""

MOST_OWNERS = 20
"""Of one caller."""

_OWNER_NAME = re.compile(r"[!-+\--~]{1,255}")


def is_owner_name(text: str) -> bool:
    """Whether it is 1 to 255 visible ASCII characters, no comma among them, and not ALL_OWNERS."""
    return text != ALL_OWNERS and _OWNER_NAME.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `owners`: for whom it may act; ALL_OWNERS among them: for each."""

    kind: Literal["key", "token", "anonymous"]
    id: str
    name: str
    owners: tuple[str, ...]
    scopes: frozenset[Scope]
    expires: datetime | None = None

    actor: str = field(init=False)
    """As the change log names it."""

    def __post_init__(self) -> None:
        actor = {"key": f"key {self.id} ({self.name})", "token": f"token {self.id}"}
        object.__setattr__(self, "actor", actor.get(self.kind, ANONYMOUS))

    @property
    def first_owner(self) -> str:
        """For whom it acts where it does not say."""
        return DEFAULT_OWNER if self.owners[0] == ALL_OWNERS else self.owners[0]

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or ADMIN in self.scopes

    def holds(self, owner: str) -> bool:
        """Whether `owner`, a name or ALL_OWNERS, is among its owners."""
        return owner in self.owners or ALL_OWNERS in self.owners

    def acts_for(self, name: str) -> bool:
        return is_owner_name(name) and self.holds(name)


ANYONE = Caller("anonymous", ANONYMOUS, ANONYMOUS, (DEFAULT_OWNER,), frozenset({ADMIN}))
"""Who asks where nobody must say who asks."""

asking: ContextVar[Caller | None] = ContextVar("asking", default=None)
"""Who sent the request that is answered now; None: it did not say, or not truly."""

command: ContextVar[str | None] = ContextVar("command", default=None)
"""The command of the command line that runs in this process."""


@contextmanager
def acting_for(name: str) -> Iterator[None]:
    """What is done meanwhile is done for this owner."""
    token = owner.set(name)
    try:
        yield
    finally:
        owner.reset(token)


def act_as_command() -> None:
    """What is done from now on is done by the command and whoever has called it."""
    name = command.get()
    if name is not None:
        actor.set(f"memory-mirror {name} ({_system_user()})")


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's number without a name
        return str(os.getuid())
