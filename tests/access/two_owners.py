"""Random requests of two owners of one service, each of which a service that has this owner's
records alone is asked, too. The answers are to be equal, and none to hold a word of the other."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

OWNERS = ("ann", "bob")
MARKER = {"ann": "zqannword", "bob": "zqbobword"}

_IDS = 12
_WORDS = ("dog", "beach", "waves", "garden", "birthday", "running", "kitchen", "old", "train")
_NAMES = ("beach", "summer", "family", "Ann", "Grandmother")
_OF_THE_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\dT[\d:.]+Z"  # times
    r"|\bc[a-z0-9]{24}\b"  # ids of records
    r"|\b[0-9a-f]{32}\b"  # request ids
)
_NOT_COMPARED = {"number", "actor", "created_by", "key", "next_cursor"}
_HEADERS = ("content-type", "cache-control", "idempotency-replayed", "location", "allow")

Ask = tuple[str, str, dict[str, Any]]
"""Method, path and what httpx is given besides."""


@dataclass
class Side:
    """A service and the key of one of its owners."""

    client: httpx.AsyncClient
    key: str
    cursors: dict[str, str] = field(default_factory=dict)

    async def send(self, ask: Ask) -> httpx.Response:
        method, path, options = ask
        options = {**options, "headers": {**options.get("headers", {}), "X-API-Key": self.key}}
        if options.get("params", {}).get("cursor"):
            name = options["params"]["cursor"]
            options["params"] = {**options["params"], "cursor": self.cursors.get(name)}
            if options["params"]["cursor"] is None:
                del options["params"]["cursor"]
        answer = await self.client.request(method, path, **options)
        if answer.content and answer.headers["content-type"].startswith("application/json"):
            body = answer.json()
            if isinstance(body, dict) and body.get("next_cursor"):
                self.cursors[path] = body["next_cursor"]
        return answer


class Requests:
    """For one owner, from a seed."""

    def __init__(self, owner: str, seed: int) -> None:
        self._owner = owner
        self._random = random.Random(f"{seed} {owner}")

    def next(self) -> Ask:
        kinds: dict[Callable[[], Ask], int] = {
            self._create: 14, self._get: 12, self._put: 8, self._patch: 10, self._delete: 4,
            self._list: 10, self._search: 14, self._names: 4, self._rename: 2, self._merge: 2,
            self._delete_name: 1, self._stats: 3, self._context: 3, self._recall: 3,
            self._lookup: 3, self._versions: 4, self._restore: 3, self._diff: 2, self._deleted: 3,
            self._audit: 4, self._whoami: 1, self._keys: 1, self._unknown: 2, self._import: 3,
            self._bulk: 3, self._delete_many: 1, self._delete_matching: 2, self._duplicates: 4,
            self._dismiss: 1, self._merge_videos: 1,
        }  # fmt: skip
        return self._random.choices(list(kinds), list(kinds.values()))[0]()

    # Parts of requests

    def _id(self) -> str:
        return f"v{self._random.randrange(_IDS)}"

    def _item(self) -> str:
        return f"/api/video-analysis/{self._id()}"

    def _words(self, most: int) -> str:
        number = self._random.randint(1, most)
        words = [self._random.choice(_WORDS) for _ in range(number)]
        if self._random.random() < 0.5:
            words.append(MARKER[self._owner])
        return " ".join(words)

    def _name(self) -> str:
        mine = f"{self._random.choice(_NAMES)} {MARKER[self._owner]}"
        return self._random.choice([*_NAMES, mine])

    def _more(self) -> dict[str, Any]:
        made: dict[str, Callable[[], Any]] = {
            "title": lambda: self._words(3),
            "tags": lambda: sorted({self._name() for _ in range(3)}),
            "people": lambda: sorted({self._name() for _ in range(2)}),
            "location": lambda: self._random.choice(["Lisbon", MARKER[self._owner]]),
            "mood": lambda: self._random.choice(["calm", "loud"]),
            "recorded_date": lambda: f"2026-0{self._random.randint(1, 9)}-11",
            "segments": lambda: [{"start": 0, "end": 2.5, "text": self._words(6)}],
            "extra": lambda: {"camera": self._words(2)},
        }
        chosen = self._random.sample(list(made), self._random.randint(0, 4))
        return {name: made[name]() for name in chosen}

    def _condition(self) -> dict[str, str]:
        headers = {}
        if self._random.random() < 0.2:
            headers["If-Match"] = f'"{self._random.randint(1, 4)}"'
        if self._random.random() < 0.1:
            headers["Idempotency-Key"] = f"key-{self._random.randrange(20)}"
        return headers

    # Requests

    def _create(self) -> Ask:
        body = {"video_id": self._id(), "description": self._words(12), **self._more()}
        return "POST", "/api/video-analysis/", {"json": body, "headers": self._condition()}

    def _get(self) -> Ask:
        headers = {"If-None-Match": '"1"'} if self._random.random() < 0.2 else {}
        return self._random.choice(["GET", "HEAD"]), self._item(), {"headers": headers}

    def _put(self) -> Ask:
        headers = self._condition()
        if self._random.random() < 0.2:
            headers = {"If-None-Match": "*"}
        return "PUT", self._item(), {"json": {"description": self._words(9)}, "headers": headers}

    def _patch(self) -> Ask:
        return "PATCH", self._item(), {"json": self._more(), "headers": self._condition()}

    def _delete(self) -> Ask:
        return "DELETE", self._item(), {"headers": self._condition()}

    def _filters(self) -> dict[str, Any]:
        made: dict[str, Callable[[], Any]] = {
            "tag": self._name,
            "person": self._name,
            "location": lambda: "Lisbon",
            "mood": lambda: "calm",
            "recorded_from": lambda: "2026-03-01",
            "has_description_containing": lambda: self._random.choice(_WORDS),
        }
        chosen = self._random.sample(list(made), self._random.choice([0, 0, 0, 1, 2]))
        return {name: made[name]() for name in chosen}

    def _list(self) -> Ask:
        orders = ["-created_at", "created_at", "-recorded_date", "recorded_date"]
        params = {
            **self._filters(),
            "limit": self._random.choice([1, 3, 100]),
            "order": self._random.choice(orders),
            "include_total": self._random.choice(["true", "false"]),
        }
        if self._random.random() < 0.3:
            params["cursor"] = "/api/video-analysis/"
        return "GET", "/api/video-analysis/", {"params": params}

    def _search(self) -> Ask:
        text = self._words(4)
        if self._random.random() < 0.2:
            text = self._random.choice(["zqa", "zqb", "gardn", "brithday", "runing", "zqbobwrd"])
        return "GET", "/api/search", {"params": {"q": text, "limit": 5, **self._filters()}}

    def _names(self) -> Ask:
        path = self._random.choice(["/api/tags", "/api/people"])
        params: dict[str, Any] = {"limit": self._random.choice([1, 100])}
        if self._random.random() < 0.3:
            params["cursor"] = path
        return "GET", path, {"params": params}

    def _rename(self) -> Ask:
        path = self._random.choice(["/api/tags", "/api/people"])
        return "PATCH", path, {"params": {"name": self._name()}, "json": {"name": self._name()}}

    def _merge(self) -> Ask:
        path = self._random.choice(["/api/tags", "/api/people"])
        body = {"names": sorted({self._name() for _ in range(2)}), "into": self._name()}
        return "POST", f"{path}/merge", {"json": body}

    def _delete_name(self) -> Ask:
        path = self._random.choice(["/api/tags", "/api/people"])
        return "DELETE", path, {"params": {"name": self._name()}}

    def _stats(self) -> Ask:
        return "GET", "/api/stats", {"params": self._filters()}

    def _context(self) -> Ask:
        body = {"query": self._words(3), "max_tokens": self._random.choice([50, 1000])}
        return "POST", "/api/context", {"json": body}

    def _recall(self) -> Ask:
        return "POST", "/api/recall", {"json": {"query": self._words(3), "limit": 4}}

    def _lookup(self) -> Ask:
        ids = sorted({self._id() for _ in range(4)})
        return "POST", "/api/lookup", {"json": {"video_ids": ids}}

    def _versions(self) -> Ask:
        path = f"{self._item()}/versions"
        if self._random.random() < 0.5:
            path += f"/{self._random.randint(1, 6)}"
        return "GET", path, {}

    def _restore(self) -> Ask:
        return "POST", f"{self._item()}/versions/{self._random.randint(1, 6)}/restore", {}

    def _diff(self) -> Ask:
        path = f"{self._item()}/versions/{self._random.randint(1, 4)}/diff"
        return "GET", path, {"params": {"to": self._random.randint(1, 5)}}

    def _deleted(self) -> Ask:
        return "GET", "/api/deleted", {"params": {"limit": self._random.choice([1, 100])}}

    def _audit(self) -> Ask:
        params: dict[str, Any] = {"limit": self._random.choice([1, 100])}
        if self._random.random() < 0.4:
            params["video_id"] = self._id()
        return "GET", "/api/audit", {"params": params}

    def _whoami(self) -> Ask:
        return "GET", "/api/whoami", {}

    def _keys(self) -> Ask:
        return "GET", "/api/keys", {}

    def _records(self) -> list[dict[str, Any]]:
        return [
            {"video_id": self._id(), "description": self._words(6), **self._more()}
            for _ in range(self._random.randint(1, 4))
        ]

    def _how(self) -> dict[str, str]:
        modes = ["create", "upsert", "replace", "skip"]
        return {"mode": self._random.choice(modes)}

    def _import(self) -> Ask:
        params = {
            **self._how(),
            "on_error": self._random.choice(["stop", "continue"]),
            "dry_run": self._random.choice(["true", "false", "false"]),
        }
        headers = {"Content-Type": "application/json"}
        content = json.dumps(self._records())
        return "POST", "/api/import", {"params": params, "content": content, "headers": headers}

    def _bulk(self) -> Ask:
        path = "/api/video-analysis/bulk"
        return "POST", path, {"params": self._how(), "json": {"items": self._records()}}

    def _delete_many(self) -> Ask:
        # One that there may be: of several a statement logs the deletions in any order.
        return "POST", "/api/bulk/delete", {"json": {"video_ids": [self._id(), "nobody-has"]}}

    def _delete_matching(self) -> Ask:
        params = {
            "tag": self._name(),
            "confirm": self._random.randint(0, 1),
            "dry_run": self._random.choice(["true", "false"]),
        }
        return "DELETE", "/api/video-analysis/", {"params": params}

    def _duplicates(self) -> Ask:
        params: dict[str, Any] = {"threshold": self._random.choice([0.7, 0.8, 1])}
        if self._random.random() < 0.3:
            params["limit"] = 1
        if self._random.random() < 0.3:
            params["cursor"] = "/api/duplicates"
        return "GET", "/api/duplicates", {"params": params}

    def _dismiss(self) -> Ask:
        ids = sorted({self._id() for _ in range(3)})
        return "POST", "/api/duplicates/dismiss", {"json": {"video_ids": ids}}

    def _merge_videos(self) -> Ask:
        body = {"keep": self._id(), "video_ids": [self._id()]}
        return "POST", "/api/duplicates/merge", {"json": body, "headers": self._condition()}

    def _unknown(self) -> Ask:
        return "GET", f"/api/video-analysis/nobody-has-{self._random.randrange(9)}", {}


def compared(answer: httpx.Response) -> Any:
    """What of an answer must not depend on what others do, nor on the moment."""
    headers = {name: answer.headers[name] for name in _HEADERS if name in answer.headers}
    etag = answer.headers.get("etag", "")
    headers["etag"] = etag if len(etag) < 20 else "of the bytes"
    try:
        body = answer.json()
        if answer.request.url.path == "/api/audit":
            body["changes"] = _in_order(body["changes"])
        body = _plain(body)
    except ValueError:
        body = answer.text
    return answer.status_code, headers, "link" in answer.headers, body


def _in_order(changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A rename changes many videos by one statement, in an order that is the database's. Without
    those of the last request, of which the page may hold a part, and without those of keys, whose
    ids are random."""
    last = changes[-1]["request_id"] if changes else None
    whole = [
        change for change in changes if change["request_id"] != last and change["kind"] != "key"
    ]
    return sorted(
        whole, key=lambda each: (each["kind"], each["name"], each["version"] or 0, each["action"])
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            name: _plain(each) if name not in _NOT_COMPARED else each is not None
            for name, each in value.items()
            # When a key was last used is written a while later.
            if name not in ("id", "last_used_at")
        }
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return _OF_THE_MOMENT.sub("~", value) if isinstance(value, str) else value


async def compare(
    shared: Mapping[str, Side], alone: Mapping[str, Side], *, number: int, seed: int
) -> Counter[int]:
    """So many requests, of each owner in turn. How often each status was answered."""
    statuses: Counter[int] = Counter()
    requests = {owner: Requests(owner, seed) for owner in OWNERS}
    turns = random.Random(seed)
    for count in range(number):
        owner = turns.choice(OWNERS)
        [other] = {*OWNERS} - {owner}
        ask = requests[owner].next()
        together, by_itself = await shared[owner].send(ask), await alone[owner].send(ask)
        said = f"seed {seed}, request {count} of {owner}: {json.dumps(ask)}"
        expected, found = compared(by_itself), compared(together)
        assert found == expected, f"{said}\n{found}\nin place of\n{expected}"
        raw = b"\n".join([together.content, *(b": ".join(each) for each in together.headers.raw)])
        assert MARKER[other].encode() not in raw, said
        assert together.status_code < 500, said
        statuses[together.status_code] += 1
    return statuses
