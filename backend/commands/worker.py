"""`memory-mirror worker`: what describes the videos of the index, beside the service."""

from __future__ import annotations

import argparse
import asyncio
import signal

from backend.commands.memories import on_index
from backend.core import logs
from backend.core.config import load_settings
from backend.services import Services


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "It runs until it is stopped (SIGTERM, Ctrl-C). Several share the work. The service has "
        "one of its own unless TWELVELABS_WORKER=false. See docs/twelvelabs.md."
    )


def run(_: argparse.Namespace) -> int:
    on_index(_work)
    return 0


async def _work(services: Services) -> None:
    settings = load_settings()
    logs.configure(level=settings.log_level, log_format=settings.log_format)
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stopped.set)
    services.sync.start_worker()
    try:
        await stopped.wait()
    finally:
        await services.sync.stop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(each)
