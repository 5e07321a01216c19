"""The services over one database, made in one place for the application and the commands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from backend.context import ContextService
from backend.history import HistoryService
from backend.records import DatabaseService
from backend.search import SearchService


@dataclass(frozen=True, slots=True)
class Services:
    """`database` is connected and disconnected by whoever made them."""

    database: DatabaseService
    search: SearchService
    context: ContextService
    history: HistoryService


def make_services(
    url: str,
    *,
    max_description_length: int = 65_535,
    outcomes_kept: timedelta = timedelta(hours=24),
) -> Services:
    database = DatabaseService(
        url, max_description_length=max_description_length, outcomes_kept=outcomes_kept
    )
    search = SearchService(database)
    return Services(database, search, ContextService(database, search), HistoryService(database))
