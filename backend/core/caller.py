"""Who asks for what is done now, as the change log tells it."""

from __future__ import annotations

import getpass
import os
from contextvars import ContextVar

ANONYMOUS = "anonymous"

actor: ContextVar[str] = ContextVar("actor", default=ANONYMOUS)
"""Of a request: `anonymous`, as long as nobody must say who asks. Of a command: the command and the
system's user."""

command: ContextVar[str | None] = ContextVar("command", default=None)
"""The command of the command line that runs in this process."""


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
