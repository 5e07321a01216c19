"""Who asks for what is done now, as the change log tells it."""

from __future__ import annotations

from contextvars import ContextVar

ANONYMOUS = "anonymous"

actor: ContextVar[str] = ContextVar("actor", default=ANONYMOUS)
"""Of a request: `anonymous`, as long as nobody must say who asks. Of a command: the command and the
system's user."""
