"""The written cases: what a reader of Prisma's documentation would try, and its dark corners."""

from __future__ import annotations

from collections.abc import Iterable

from oracle.calls import PROVIDERS, Call, Case, Mode, Provider


def cases(
    schema: str,
    *calls: Call | Iterable[Call],
    mode: Mode = "each",
    providers: tuple[Provider, ...] = PROVIDERS,
) -> list[Case]:
    """A case for each call; several calls in a list make one case."""
    return [
        Case(schema, (call,) if isinstance(call, Call) else tuple(call), mode, providers, "written")
        for call in calls
    ]
