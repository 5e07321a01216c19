"""Who asks for what is done now, as the change log tells it."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

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
