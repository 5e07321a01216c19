"""`memory-mirror serve`: uvicorn with what this service needs, and a clear word when it cannot."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import errno
import multiprocessing
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.supervisors import ChangeReload, Multiprocess

from backend.core.addresses import is_local
from backend.core.config import load_settings
from backend.core.errors import DatabaseNotReady, StartupError
from backend.core.memory import look_for_cycles_rarely
from backend.engine.cli.command_error import CommandError
from backend.http.server import HttpProtocol

if TYPE_CHECKING:
    from backend.services import Services


class Config(uvicorn.Config):
    """Loaded by each worker."""

    def load(self) -> None:
        super().load()
        if (supervisor := multiprocessing.parent_process()) is not None:
            _end_with(supervisor.pid)
        look_for_cycles_rarely()


_PR_SET_PDEATHSIG = 1
"""From <sys/prctl.h>"""


def _end_with(supervisor: int | None) -> None:
    """A worker whose supervisor is killed would go on at its port, where the next one is not seen.
    Linux tells it; elsewhere nobody does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != supervisor:  # it has ended already
            os.kill(os.getpid(), signal.SIGTERM)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", help="address to listen on; 0.0.0.0 for all (HOST; 127.0.0.1)")
    parser.add_argument(
        "--port", type=int, help="port to listen on; 0 for any that is free (PORT; 8000)"
    )
    several = parser.add_mutually_exclusive_group()
    several.add_argument("--workers", type=int, default=1, help="processes that answer (1)")
    several.add_argument("--reload", action="store_true", help="start again when the code changes")
    parser.epilog = "DATABASE_URL and the other settings: see .env.example."


def run(arguments: argparse.Namespace) -> int:
    try:
        settings = load_settings()
    except StartupError as error:
        raise CommandError(str(error)) from error
    host = arguments.host or settings.host
    os.environ["HOST"] = host  # the service, also of other processes, reads it there
    _check_access(host)
    port = settings.port if arguments.port is None else arguments.port
    listener = _listen(host, port)
    config = Config(
        "backend.main:app",
        lifespan="on",
        http=HttpProtocol,
        workers=arguments.workers,
        reload=arguments.reload,
        log_config=None,  # the service has its own, and a line per request
        access_log=False,
        proxy_headers=False,  # http/address.py reads them, of those who may say so
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    shown = f"[{host}]" if ":" in host else host
    print(f"Serving on http://{shown}:{listener.getsockname()[1]}", flush=True)
    server = uvicorn.Server(config)
    if arguments.reload:
        ChangeReload(config, target=server.run, sockets=[listener]).run()
    elif arguments.workers > 1:
        Multiprocess(config, sockets=[listener]).run()
    else:
        with contextlib.suppress(KeyboardInterrupt):  # Ctrl-C: by then it has stopped in order
            server.run(sockets=[listener])
        return 0 if server.started else 1
    return 0


def _check_access(host: str) -> None:
    """As the service itself does when it starts, but before it listens. Raises CommandError."""
    if is_local(host):
        return
    from backend.commands.memories import on_database  # brings what else only the workers need

    async def check(services: Services) -> None:
        with contextlib.suppress(DatabaseNotReady):  # the service says so, and answers nothing
            await services.access.check()

    on_database(check)


def _listen(host: str, port: int) -> socket.socket:
    """Bound here, not by uvicorn, to fail before anything is loaded, and with words that help."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sets TCP_NODELAY only where it is: without, an answer's
    # body waits 40 ms for the client to acknowledge its headers.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        raise CommandError(_why_not(host, port, error)) from error
    return listener


def _why_not(host: str, port: int, error: OSError | OverflowError) -> str:
    if isinstance(error, OverflowError):
        return f"{port} is not a port; ports are 0 to 65535"
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is taken; choose another, for example with PORT={port + 1}"
    if error.errno == errno.EACCES:
        return f"port {port} needs more rights than this user has; choose one above 1023"
    return f"cannot listen on {host}, port {port}: {error.strerror or error}"
