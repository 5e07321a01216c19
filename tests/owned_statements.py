"""Each statement that touches rows of owners must say whose. Tests of a module whose services have
made one that does not end with an error that shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from backend.core.caller import ALL_OWNERS, owner
from backend.engine.drivers.driver import Statement

OWNED = (
    "video_analysis", "tag", "video_tag", "person", "video_person", "segment", "search_queue",
    "search_document", "search_segment", "search_postings", "search_term", "search_total",
    "change_log", "idempotency_key", "owner_usage", "duplicate_index", "duplicate_record",
    "duplicate_text", "duplicate_band", "duplicate_pair", "duplicate_dismissal", "twelvelabs_job",
    "twelvelabs_video", "twelvelabs_run", "twelvelabs_usage",
)  # fmt: skip

HELD = "/* held by the database */"
"""Begins a statement that tries whether row-level security does it."""

_OF_ADMINISTRATORS = ("GRANT", "CREATE", "ALTER", "DROP", "TRUNCATE")

_NAME = r'(?:"?\w+"?\.)?"?(?P<table>{})"?'.format("|".join(OWNED))
_READ = re.compile(
    rf"\b(?:FROM|JOIN|UPDATE|USING|,)\s+{_NAME}(?![\w(\"])"
    r"(?:\s+(?:AS\s+)?(?!(?:WHERE|ON|SET|GROUP|ORDER|LIMIT|CROSS|LEFT|JOIN|USING|RETURNING|UNION)\b)"
    r'"?(?P<alias>\w+)"?)?',
    re.IGNORECASE,
)
_WRITTEN = re.compile(rf"\bINTO\s+{_NAME}\s*\((?P<columns>[^)]*)\)", re.IGNORECASE)


def unconfined(sql: str) -> str | None:
    """The table of whose rows the statement does not say whose; None: it says so of all."""
    if sql.lstrip().upper().startswith(_OF_ADMINISTRATORS):
        return None
    for found in _WRITTEN.finditer(sql):
        if not re.search(r"\bowner\b", found["columns"]):
            return found["table"]
    for found in _READ.finditer(sql):
        called = found["alias"] or found["table"]
        qualified = re.compile(rf'\b{called}"?\."?owner"?\s*(=|IN\b)')
        near = sql[found.end() : found.end() + 160]
        if not qualified.search(sql) and not re.search(r'(?<![."\w])owner\s*=', near):
            return found["table"]
    return None


@pytest.fixture(scope="module", autouse=True)
def each_statement_says_whose_rows(request: pytest.FixtureRequest) -> Iterator[None]:
    made: dict[str, None] = {}
    make = Statement.__init__

    def noting(self: Statement, sql: str, *others: Any, **named: Any) -> None:
        if owner.get() != ALL_OWNERS and not sql.startswith(HELD):
            made[sql] = None
        make(self, sql, *others, **named)

    Statement.__init__ = noting  # type: ignore[method-assign]
    try:
        yield
    finally:
        Statement.__init__ = make  # type: ignore[method-assign]
    found = [(table, sql) for sql in made if (table := unconfined(sql)) is not None]
    assert not found, "\n".join(f"{table}: {sql}" for table, sql in found)
