"""Are a contestant's answers right? Asked before it is measured: a wrong answer is fast."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.operations import LISTED
from bench.records import Row

COLLECTION = "/api/video-analysis/"
AWKWARD = 'Naïve "quotes", a \\ and an emoji 🎞, in\ntwo lines.'

Stored = Callable[[str], str | None]


class WrongAnswerError(Exception):
    pass


def check(port: int, newest: list[Row], stored: Stored, headers: Mapping[str, str]) -> None:
    """`newest` are the last records stored, newest first; `stored` reads a description from the
    database itself; `headers` are of each request. Raises WrongAnswerError."""
    _Check(port, stored, headers).run(newest)


class _Check:
    def __init__(self, port: int, stored: Stored, headers: Mapping[str, str]) -> None:
        self._headers = headers
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._stored = stored

    def run(self, newest: list[Row]) -> None:
        try:
            self._reads(newest)
            self._writes()
        finally:
            self._connection.close()

    def _reads(self, newest: list[Row]) -> None:
        some = newest[len(newest) // 2]
        self._is_row(self._ask("GET", COLLECTION + some.video_id, status=200), some)
        listed = self._ask("GET", f"{COLLECTION}?limit={LISTED}", status=200)
        _equal("count", listed["count"], LISTED)
        _equal("number of records", len(listed["analyses"]), LISTED)
        for record, row in zip(listed["analyses"], newest, strict=False):
            self._is_row(record, row)
        self._ask("GET", COLLECTION + "no-such-video", status=404)

    def _writes(self) -> None:
        before = datetime.now(UTC) - timedelta(milliseconds=2)
        body = {"video_id": "bench-check", "description": AWKWARD}
        created = self._ask("POST", COLLECTION, body, status=201)
        _equal("created description", created["description"], AWKWARD)
        _equal("stored description", self._stored("bench-check"), AWKWARD)
        if not before <= _moment(created["created_at"]) <= datetime.now(UTC):
            raise WrongAnswerError(f"created_at is {created['created_at']}")
        self._same(created, self._ask("GET", COLLECTION + "bench-check", status=200))
        self._ask("POST", COLLECTION, body, status=409)
        updated = self._ask(
            "PUT", COLLECTION + "bench-check", {"description": "Changed."}, status=200
        )
        _equal("updated description", updated["description"], "Changed.")
        _equal("id after update", updated["id"], created["id"])
        _equal("stored description", self._stored("bench-check"), "Changed.")
        self._ask("PUT", COLLECTION + "no-such-video", {"description": "x"}, status=404)

    def _ask(self, method: str, path: str, body: Any = None, *, status: int) -> Any:
        content = {} if body is None else {"Content-Type": "application/json"}
        headers = {**self._headers, **content}
        sent = None if body is None else json.dumps(body)
        self._connection.request(method, path, sent, headers)
        response = self._connection.getresponse()
        answer = response.read()
        _equal(f"status of {method} {path}", response.status, status)
        return json.loads(answer) if status < 300 else None

    def _is_row(self, record: Any, row: Row) -> None:
        _equal("id", record["id"], row.id)
        _equal("video_id", record["video_id"], row.video_id)
        _equal("description", record["description"], row.description)
        _equal("created_at", _moment(record["created_at"]), row.created_at)

    def _same(self, first: Any, second: Any) -> None:
        for name in ("id", "video_id", "description"):
            _equal(name, second[name], first[name])
        for name in ("created_at", "updated_at"):
            # Some answer with microseconds that their database does not keep.
            if abs(_moment(second[name]) - _moment(first[name])) > timedelta(milliseconds=1):
                raise WrongAnswerError(f"{name} is {second[name]}, was {first[name]}")


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _equal(what: str, given: object, wanted: object) -> None:
    if given != wanted:
        raise WrongAnswerError(f"{what}: {given!r} instead of {wanted!r}")
