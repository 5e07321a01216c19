"""Filters against the same filters in Python: whatever text is given, never a wrong answer."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.search import searcher as asking
from tests.fixtures import Database

pytestmark = pytest.mark.anyio

PATH = "/api/video-analysis/"
NAMES = ["beach", "Beach", "BEACH", "b%", "b_ach", "'", '"', "\\", "a,b", "[1]", "é", "e\u0301"]
NAMES += ["ﬁ", "fi", "ß", "ss", "海", "😀", "\u200d", "null", "0", "\uff41", "\u0130", "\u0131"]
DATES = ["0001-01-01", "1999-12-31", "2000-01-01", "2024-02-29", "9999-12-31"]
TEXTS = ["A dog; 100% \\ _ ' \" -- e\u0301", "é 海 😀", "A DOG", "a dog\r\n\tand ﬁ"]
TIME_FORM = r"(T[0-9:.]{12}\+00:00)?"
PLACES = ("location", "country", "mood", "event_type")


def cleaned(name: str) -> str | None:
    """As README says of names; None: it is none."""
    name = unicodedata.normalize("NFC", name) if is_text(name) and len(name) <= 200 else ""
    return name.strip() or None


def is_text(value: str) -> bool:
    return "\0" not in value and not any("\ud800" <= sign <= "\udfff" for sign in value)


async def store(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    made = []
    for number in range(30):
        body: dict[str, Any] = {
            "video_id": f"v{number}",
            "description": f"word {TEXTS[number % 4]}",
            "tags": [NAMES[number % len(NAMES)], NAMES[(number * 7 + 1) % len(NAMES)]],
            "people": [NAMES[(number * 5 + 2) % len(NAMES)]],
        }
        for at, place in enumerate(PLACES):
            if number % (at + 2):
                body[place] = NAMES[(number * (at + 3)) % len(NAMES)]
        if number % 5:
            body["recorded_date"] = DATES[number % len(DATES)]
        answer = await client.post(PATH, json=body)
        assert answer.status_code == 201, answer.text
        made.append(answer.json())
    return made


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def holds(record: dict[str, Any], name: str, value: str) -> bool:
    if name == "tag":
        return cleaned(value) in record["tags"]
    if name == "person":
        return cleaned(value) in record["people"]
    if name in PLACES:
        return bool(record[name] == cleaned(value))
    if name == "has_description_containing":
        return value in record["description"]
    field, _, end = name.rpartition("_")
    if field == "recorded":
        day = record["recorded_date"]
        return day is not None and (day >= value if end == "from" else day <= value)
    at = moment(record[f"{field}_at"])
    if len(value) == 10:
        value += "T00:00:00+00:00" if end == "from" else "T23:59:59.999+00:00"
    return at >= moment(value) if end == "from" else at <= moment(value)


def is_valid(name: str, value: str) -> bool:
    if name == "has_description_containing":
        return 0 < len(value) <= 1000 and is_text(value)
    if name in ("tag", "person", *PLACES):
        return cleaned(value) is not None
    if (
        re.fullmatch("[0-9-]{10}" + ("" if name.startswith("recorded") else TIME_FORM), value)
        is None
    ):
        return False
    try:
        return datetime.fromisoformat(value) is not None
    except ValueError:
        return False


NAME = st.sampled_from(NAMES) | st.text(st.characters(exclude_categories=()), max_size=12)
PART = st.sampled_from(["dog", "DOG", "100%", "%", "_", "\\", "é", "e\u0301", "ﬁ", "word "])
DAY = st.sampled_from(DATES) | st.dates().map(str)
TIME = DAY | st.datetimes(
    min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)
).map(lambda time: time.isoformat(timespec="milliseconds"))
FILTERS: dict[str, st.SearchStrategy[str]] = {
    **dict.fromkeys(("tag", "person", *PLACES), NAME),
    "has_description_containing": PART | NAME,
    **dict.fromkeys(("recorded_from", "recorded_to"), DAY | NAME),
    **dict.fromkeys(("created_from", "created_to", "updated_from", "updated_to"), TIME | NAME),
}

FILTER = st.one_of(*(st.tuples(st.just(name), value) for name, value in FILTERS.items()))


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(values=st.lists(FILTER, max_size=3).map(dict), few=st.sampled_from([1000, -1]))
async def test_list_search_and_statistics_name_what_python_names(
    client: httpx.AsyncClient, database: Database, values: dict[str, str], few: int
) -> None:
    if not database.count("video_analysis"):
        await store(client)
    records = (await client.get(f"{PATH}?limit=1000")).json()["analyses"]
    assert len(records) == 30
    sent = {name: value.encode("utf-8", "surrogatepass") for name, value in values.items()}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in sent.items())
    # What is no UTF-8 is read as replacement characters.
    values = {name: value.decode("utf-8", "replace") for name, value in sent.items()}
    listed = await client.get(f"{PATH}?limit=1000&{query}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asking, "FEW_FILTERED", few)
        found = await client.get(f"/api/search?q=word&limit=100&{query}")
    stats = await client.get(f"/api/stats?{query}")
    statuses = {answer.status_code for answer in (listed, found, stats)}
    if not all(is_valid(name, value) for name, value in values.items()):
        assert statuses == {422}, values
        return
    assert statuses == {200}, (values, listed.text)
    expected = [r for r in records if all(holds(r, n, v) for n, v in values.items())]
    assert listed.json()["analyses"] == expected
    ids = sorted(record["video_id"] for record in expected)
    assert sorted(each["video_id"] for each in found.json()["results"]) == ids
    assert stats.json()["total"] == len(expected)
    for field, top in (("tags", "tags"), ("location", "locations"), ("mood", "moods")):
        names = [n for r in expected for n in (r[field] if field == "tags" else [r[field]]) if n]
        counts = {each["name"]: each["count"] for each in stats.json()[top]}
        assert counts.items() <= {name: names.count(name) for name in names}.items()
        assert len(counts) == min(len(set(names)), 20)
