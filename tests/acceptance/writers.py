"""Users who write to the service without a pause, and know what each of their records may hold.

A write of number n sets the description, the tags, the people and the segments to texts with that
n, so that a record stored by halves is seen. What was answered is stored; what was not, may be,
until a read tells.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import httpx

PATH = "/api/video-analysis/"
KINDS = ("tags", "people")
RECORDS = 8
"""Of each writer."""
UNKNOWN = (500, 503)
"""What was asked may have been done or not, as where there is no answer."""
PAUSE_SECONDS = 0.02
"""After a request that was not answered or refused for the moment."""


class State(NamedTuple):
    """Of which writes a record is: PUT replaces its description alone."""

    description: int
    others: int


@dataclass
class Figures:
    """Of all writers together; each list tells what was wrong."""

    acknowledged: int = 0
    changes: list[str] = field(default_factory=list)
    """The request of each acknowledged write of one record."""
    statuses: Counter[int] = field(default_factory=Counter)
    """0: no answer."""
    lost: list[str] = field(default_factory=list)
    """What contradicts earlier answers."""
    torn: list[str] = field(default_factory=list)
    half_renamed: list[str] = field(default_factory=list)
    not_found: list[str] = field(default_factory=list)
    """By search; or found though they are gone."""
    not_logged: list[str] = field(default_factory=list)
    """Writes that do not have one row of the change log each."""
    wrong: list[str] = field(default_factory=list)
    """Answers that nobody should get."""

    def faults(self) -> Iterable[list[str]]:
        return (
            self.wrong, self.lost, self.torn, self.half_renamed, self.not_found, self.not_logged,
        )  # fmt: skip


class Writer:
    def __init__(self, number: int, http: httpx.AsyncClient, figures: Figures) -> None:
        self._number = number
        self._random = random.Random(number)
        self._http = http
        self._figures = figures
        self._count = 0
        self._known: dict[str, set[State | None]] = {}
        """What each record may hold; None: there is none."""
        self._groups = {kind: {f"group of {number}"} for kind in KINDS}
        """The names that all records of this writer have; two of a kind after a renaming that was
        not answered."""
        self.last_success = 0.0

    async def work(self, stop: asyncio.Event) -> None:
        acts = (
            *[self._create] * 3, *[self._patch] * 3, *[self._put] * 3, self._delete, self._rename,
        )  # fmt: skip
        while not stop.is_set():
            video_id = f"w{self._number}-{self._random.randrange(RECORDS)}"
            for kind in KINDS:
                await self._settle_group(kind)
            await self._random.choice(acts)(video_id, await self._state(video_id))

    async def check(self) -> None:
        """All that this writer knows, when nothing is broken any more."""
        for kind in KINDS:
            await self._settle_group(kind)
        for video_id in self._known:
            state = await self._read(video_id)
            search = {"q": _word(video_id), "limit": 100}
            answer = await self._until_answered("GET", "/api/search", params=search)
            found = {result["video_id"] for result in answer.json()["results"]}
            if (video_id in found) != (state is not None):
                self._figures.not_found.append(f"{video_id}: {state}, search has {found}")

    # One write each. `before` is what the record holds.

    async def _create(self, video_id: str, before: State | None) -> None:
        number = self._next()
        body = {"video_id": video_id, **self._body(video_id, number)}
        answer = await self._write("POST", PATH, json=body)
        if before is None:
            self._note(video_id, answer, 201, before, State(number, number))
        else:
            self._note(video_id, answer, 409, before, before)

    async def _patch(self, video_id: str, before: State | None) -> None:
        number = self._next()
        answer = await self._write("PATCH", PATH + video_id, json=self._body(video_id, number))
        self._note_change(video_id, answer, 200, before, State(number, number))

    async def _put(self, video_id: str, before: State | None) -> None:
        number = self._next()
        body = {"description": _description(video_id, number)}
        answer = await self._write("PUT", PATH + video_id, json=body)
        new = None if before is None else State(number, before.others)
        self._note_change(video_id, answer, 200, before, new)

    async def _delete(self, video_id: str, before: State | None) -> None:
        answer = await self._write("DELETE", PATH + video_id)
        self._note_change(video_id, answer, 204, before, None)

    async def _rename(self, video_id: str, before: State | None) -> None:
        kind = self._random.choice(KINDS)
        [old] = self._groups[kind]
        new = f"group of {self._number}, {self._next()}"
        rename: Any = {"params": {"name": old}, "json": {"name": new}}
        answer = await self._write("PATCH", f"/api/{kind}", **rename)
        if answer is None or answer.status_code >= 500:
            self._groups[kind] = {old, new}
        elif answer.status_code == 200:
            self._groups[kind] = {new}
        elif answer.status_code == 404 and before is not None:
            self._figures.lost.append(f"{kind}: {answer.text}, {video_id} had it")

    async def _settle_group(self, kind: str) -> None:
        """See what became of a renaming that was not answered, and bring it to an end."""
        names = self._groups[kind]
        if len(names) == 1:
            return
        stored: set[str] = set()
        for video_id in self._known:
            answer = await self._until_answered("GET", PATH + video_id)
            stored |= names.intersection(answer.json().get(kind, ()))
        if len(stored) == 2:
            self._figures.half_renamed.append(f"{kind}: {sorted(stored)}")
            for old in sorted(stored)[:-1]:
                merge = {"names": [old], "into": max(stored)}
                # 404: it was merged, and the answer did not arrive.
                await self._until_answered("POST", f"/api/{kind}/merge", json=merge)
        self._groups[kind] = {max(stored or names)}

    # What is known

    async def _state(self, video_id: str) -> State | None:
        known = self._known.setdefault(video_id, {None})
        return next(iter(known)) if len(known) == 1 else await self._read(video_id)

    async def _read(self, video_id: str) -> State | None:
        answer = await self._until_answered("GET", PATH + video_id)
        found = None
        if answer.status_code == 200:
            record = answer.json()
            found = self._state_in(record)
            if found is None:
                self._figures.torn.append(str(record))
                found = State(0, 0)
        known = self._known[video_id]
        if found not in known and found != State(0, 0):
            self._figures.lost.append(f"{video_id}: {answer.text}, it had {known}")
        self._known[video_id] = {found}
        return found

    def _state_in(self, record: dict[str, Any]) -> State | None:
        """None: it is torn."""
        written = re.fullmatch(
            rf"{_word(record['video_id'])}, write (\d+)\.", record["description"]
        )
        others = re.fullmatch(r"segment (\d+)", record["segments"][0]["text"])
        if written is None or others is None:
            return None
        for kind in KINDS:
            groups = self._groups[kind].intersection(record[kind])
            if len(groups) != 1:
                return None
            record[kind].remove(groups.pop())
        whole = self._body(record["video_id"], int(others[1]))
        names_of_write = {kind: whole[kind][:1] for kind in KINDS}
        if names_of_write != {kind: record[kind] for kind in KINDS}:
            return None
        if record["segments"] != whole["segments"]:
            return None
        return State(int(written[1]), int(others[1]))

    def _note_change(
        self,
        video_id: str,
        answer: httpx.Response | None,
        done: int,
        before: State | None,
        new: State | None,
    ) -> None:
        if before is None:
            self._note(video_id, answer, 404, None, None)
        else:
            self._note(video_id, answer, done, before, new)

    def _note(
        self,
        video_id: str,
        answer: httpx.Response | None,
        expected: int,
        before: State | None,
        new: State | None,
    ) -> None:
        if answer is None or answer.status_code in UNKNOWN:
            self._known[video_id] = {before, new}
        elif answer.status_code == expected:
            self._known[video_id] = {new}
        elif answer.status_code != 507:  # nothing was written
            request = f"{answer.request.method} {video_id}"
            self._figures.lost.append(f"{request}: {answer.text}, it had {before}")

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _body(self, video_id: str, number: int) -> dict[str, Any]:
        own = f"{self._number}-{number}"
        return {
            "description": _description(video_id, number),
            "tags": [f"tag {own}", *self._groups["tags"]],
            "people": [f"person {own}", *self._groups["people"]],
            "segments": [
                {"start": float(part), "end": part + 1.0, "text": f"segment {number}"}
                for part in range(3)
            ],
        }

    # HTTP

    async def _write(self, method: str, path: str, **content: Any) -> httpx.Response | None:
        answer = await self._ask(method, path, **content)
        if answer is not None and answer.is_success:
            self._figures.acknowledged += 1
            if path.startswith(PATH):
                self._figures.changes.append(answer.headers["x-request-id"])
        return answer

    async def _until_answered(self, method: str, path: str, **content: Any) -> httpx.Response:
        while True:
            answer = await self._ask(method, path, **content)
            if answer is not None and answer.status_code < 500:
                return answer

    async def _ask(self, method: str, path: str, **content: Any) -> httpx.Response | None:
        """None: there was no answer."""
        try:
            answer = await self._http.request(method, path, **content)
        except httpx.TransportError:
            self._figures.statuses[0] += 1
            await asyncio.sleep(PAUSE_SECONDS)
            return None
        self._figures.statuses[answer.status_code] += 1
        if answer.status_code < 500:
            self.last_success = time.monotonic()
            return answer
        told = answer.headers.get("content-type") == "application/problem+json"
        if answer.status_code == 503:
            told = told and answer.headers.get("retry-after", "").isdecimal()
        if answer.status_code not in (503, 507) or not told:
            self._figures.wrong.append(f"{method} {path}: {answer.status_code} {answer.text}")
        await asyncio.sleep(PAUSE_SECONDS)
        return answer


_LETTERS = str.maketrans("0123456789-", "abcdefghijx")


def _word(video_id: str) -> str:
    """One that no other record has."""
    return "zy" + video_id.translate(_LETTERS)


def _description(video_id: str, number: int) -> str:
    return f"{_word(video_id)}, write {number}."
