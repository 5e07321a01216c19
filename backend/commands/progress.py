"""How far a command has come, at a terminal: its rate, the remaining time where the size is known,
and what has failed so far. Nothing where the errors go elsewhere than to a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

Show = Callable[..., None]
"""How many things are done. `failed`: of them; `reached`, or else that number, of `total`: how far
that is."""


@contextmanager
def shown_progress(what: str, *, quiet: bool = False) -> Iterator[Show | None]:
    """`what`: the things that are counted, such as `lines`. None: nothing is shown."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # 0.1 s that others do without
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    # What the command writes into its output may go into a file.
    with Progress(*columns, console=Console(stderr=True), redirect_stdout=False) as progress:
        task = progress.add_task(what, total=None)
        started = monotonic()

        def show(
            number: int, *, failed: int = 0, reached: int | None = None, total: int | None = None
        ) -> None:
            rate = number / max(monotonic() - started, 0.001)
            said = f"{number:,} {what}, {rate:,.0f}/s" + (f", {failed:,} failed" if failed else "")
            done = number if reached is None else reached
            progress.update(task, description=said, completed=done, total=total)

        yield show
