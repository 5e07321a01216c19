"""Search: what is found, in which order, shown how; the same on both databases."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.main import create_app
from backend.search import searcher as asking
from tests.fixtures import Database, client_of, settings_for

pytestmark = pytest.mark.anyio

VIDEOS: dict[str, dict[str, Any]] = {
    "beach": {
        "description": "Two children build a sandcastle at the beach while their grandmother "
        "reads under a tree. A dog runs through the waves.",
        "tags": ["summer", "family"],
        "people": ["Rosa", "Ben"],
        "location": "Lisbon",
        "event_type": "vacation",
        "recorded_date": "2019-07-14",
    },
    "dance": {
        "description": "A young woman dances around the room. She was dancing all evening.",
        "tags": ["family"],
        "location": "Porto",
        "segments": [
            {"start": 0, "end": 4.5, "text": "A young woman dances around the room."},
            {"start": 4.5, "end": 9, "text": "A cake with candles is carried in."},
        ],
    },
    "cafe": {"description": "Un café près de la Straße: crème brûlée.", "title": "Dinner in Paris"},
    "snow": {"description": "Skiers race down <b>a slope</b> & jump. \"Fast\" 'n' free; x < y."},
    "cjk": {"description": "祖母在海边读书。", "country": "中国"},
    "extra": {"description": "Nothing much.", "extra": {"camera": "Rolleiflex", "n": 1}},
}


async def post(client: httpx.AsyncClient, video_id: str, **fields: Any) -> None:
    answer = await client.post("/api/video-analysis/", json={"video_id": video_id, **fields})
    assert answer.status_code == 201, answer.text


@pytest.fixture
async def videos(client: httpx.AsyncClient) -> None:
    for video_id, fields in VIDEOS.items():
        await post(client, video_id, **fields)


async def search(client: httpx.AsyncClient, q: str, **params: Any) -> dict[str, Any]:
    answer = await client.get("/api/search", params={"q": q, **params})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    assert found["count"] == len(found["results"])
    return found


async def ids(client: httpx.AsyncClient, q: str, **params: Any) -> list[str]:
    return [result["video_id"] for result in (await search(client, q, **params))["results"]]


@pytest.mark.usefixtures("videos")
async def test_what_is_found(client: httpx.AsyncClient) -> None:
    for q, expected in {
        "sandcastle": ["beach"],
        "SANDCASTLES": ["beach"],
        "danced": ["dance"],
        "the grandmother is reading": ["beach"],
        "family": ["dance", "beach"],
        "cafe creme": ["cafe"],
        "CRÈME": ["cafe"],
        "strasse": ["cafe"],
        "paris": ["cafe"],
        "rosa": ["beach"],
        "porto dancing": ["dance"],
        "candles": ["dance"],
        "rolleiflex": ["extra"],
        "海": ["cjk"],
        "海边 dog": ["cjk", "beach"],
        "sandc": ["beach"],
        "dancin": ["dance"],
        "woman sandca": ["beach", "dance"],
        "sandcastel": ["beach"],
        "grandmoter": ["beach"],
        "rolelifelx": ["extra"],
        "slope; -- ' \" * ( ) AND OR NOT NEAR: & | ! <-> \\ %": ["snow"],
        "the of and": [],
        "?!": [],
        "xylophone": [],
    }.items():
        assert sorted(await ids(client, q)) == sorted(expected), q


@pytest.mark.usefixtures("videos")
async def test_a_result_is_shown_whole(client: httpx.AsyncClient) -> None:
    found = await search(client, "woman dance candle")
    (result,) = found["results"]
    record = (await client.get("/api/video-analysis/dance")).json()
    assert result["analysis"] == record
    assert result["matches"] == ["woman", "dances", "dancing"]
    assert result["snippet"] == (
        "A young <mark>woman</mark> <mark>dances</mark> around the room. "
        "She was <mark>dancing</mark> all evening."
    )
    assert [(each["start"], each["snippet"]) for each in result["segments"]] == [
        (0, "A young <mark>woman</mark> <mark>dances</mark> around the room."),
        (4.5, "A cake with <mark>candles</mark> is carried in."),
    ]
    assert found["facets"] == {
        "tags": [{"name": "family", "count": 1}],
        "people": [],
        "location": [{"name": "Porto", "count": 1}],
        "event_type": [],
    }


@pytest.mark.usefixtures("videos")
async def test_a_snippet_is_safe(client: httpx.AsyncClient) -> None:
    (result,) = (await search(client, "slope race fast"))["results"]
    assert result["snippet"] == (
        "Skiers <mark>race</mark> down &lt;b&gt;a <mark>slope</mark>&lt;/b&gt; &amp; jump. "
        "&quot;<mark>Fast</mark>&quot; &#x27;n&#x27; free; x &lt; y."
    )


@pytest.mark.usefixtures("videos")
async def test_filters_narrow_the_search(client: httpx.AsyncClient) -> None:
    assert await ids(client, "family", tag="summer") == ["beach"]
    assert await ids(client, "family", location="Porto") == ["dance"]
    assert await ids(client, "family", person="Nobody") == []
    assert await ids(client, "family", recorded_to="2019-07-14") == ["beach"]
    assert await ids(client, "family", has_description_containing="evening") == ["dance"]


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("tag", "The"),
        ("tag", 'crème brûlée\'s "day"'),
        ("tag", "x" * 100),
        ("person", "祖母 Rosa"),
        ("location", "?!"),
        ("country", "Éire & co"),
        ("mood", "half-happy"),
        ("event_type", "İş"),
    ],
)
async def test_a_name_narrows_the_search_whatever_its_words(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, field: str, name: str
) -> None:
    monkeypatch.setattr(asking, "FEW_FILTERED", -1)
    stored = {"tag": "tags", "person": "people"}.get(field, field)
    value: Any = [name, "dog"] if stored != field else name
    await post(client, "named", description="a dog", **{stored: value})
    await post(client, "said", description=f"a dog, {name}")
    for number in range(3):
        await post(client, f"other{number}", description="a dog on the sand")
    assert await ids(client, "dog", **{field: name}) == ["named"]
    assert await ids(client, "dog sand", **{field: name}) == ["named"]


async def test_more_videos_than_were_counted_before(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "FEW_FILTERED", 2)
    for number in range(5):
        assert len(await ids(client, "dog", tag="pet")) == number
        await post(client, f"v{number}", description="a dog", tags=["pet"])
        await post(client, f"other{number}", description="a pet dog")


async def test_a_tag_that_another_program_took_away(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "FEW_FILTERED", -1)
    for name in ("kept", "taken"):
        await post(client, name, description="a dog", tags=["pet"], location="Oslo")
    taken = "(SELECT id FROM video_analysis WHERE video_id = 'taken')"
    database.execute(f"DELETE FROM video_tag WHERE analysis_id = {taken}")
    assert await ids(client, "dog", tag="pet") == ["kept"]
    assert await ids(client, "dog", location="Oslo") == ["kept", "taken"]


async def test_what_was_written_is_found_by_the_next_request(
    client: httpx.AsyncClient, database: Database
) -> None:
    await post(client, "v", description="A zebra.")
    assert await ids(client, "zebra") == ["v"]
    await client.put("/api/video-analysis/v", json={"description": "A giraffe."})
    assert (await ids(client, "zebra"), await ids(client, "giraffe")) == ([], ["v"])
    await client.patch("/api/video-analysis/v", json={"tags": ["savannah"], "title": "Okapi"})
    assert await ids(client, "giraffe savannah okapi") == ["v"]
    await client.patch("/api/video-analysis/v", json={"tags": None})
    assert await ids(client, "savannah") == []
    await client.delete("/api/video-analysis/v")
    assert await ids(client, "giraffe okapi") == []
    assert database.indexed() == set()


async def test_a_failed_write_leaves_neither_record_nor_index(
    client: httpx.AsyncClient, database: Database
) -> None:
    await post(client, "v", description="A zebra.")
    answer = await client.post(
        "/api/video-analysis/", json={"video_id": "v", "description": "A giraffe."}
    )
    assert answer.status_code == 409
    assert (await ids(client, "giraffe"), await ids(client, "zebra")) == ([], ["v"])
    assert database.indexed() == {"v"}


BROKEN = {
    "sqlite": "CREATE TRIGGER broken BEFORE {} ON {} BEGIN SELECT RAISE(ABORT, 'broken'); END",
    "postgresql": "CREATE FUNCTION broken() RETURNS TRIGGER LANGUAGE plpgsql AS"
    " 'BEGIN RAISE ''broken''; END';"
    " CREATE TRIGGER broken BEFORE {} ON {} FOR EACH ROW EXECUTE FUNCTION broken()",
}


@pytest.mark.parametrize(
    ("event", "table"),
    [
        ("INSERT", "search_queue"),
        ("INSERT", "video_tag"),
        ("INSERT", "segment"),
    ],
)
async def test_where_the_note_or_a_relation_cannot_be_written_nothing_is(
    own_database: Database, event: str, table: str
) -> None:
    app = create_app(settings_for(own_database.url))
    async with app.router.lifespan_context(app), client_of(app) as client:
        await post(client, "old", description="A zebra.", tags=["t"])
        before = (await client.get("/api/video-analysis/old")).json()
        own_database.execute(BROKEN[own_database.provider].format(event, table))
        segments = [{"start": 0, "end": 1, "text": "A koala."}]
        fields = {"description": "A giraffe.", "tags": ["u"], "segments": segments}
        answers = [
            await client.patch("/api/video-analysis/old", json=fields),
            await client.post("/api/video-analysis/", json={"video_id": "new", **fields}),
        ]
        failed = [answer.status_code for answer in answers]
        assert 500 in failed
        assert {*failed} <= {200, 201, 500}
        old = (await client.get("/api/video-analysis/old")).json()
        if failed[0] == 500:
            assert old == before
        stored = {"old"} | ({"new"} if failed[1] == 201 else set())
        assert set(own_database.rows()) == own_database.indexed() == stored
        found = {"old": failed[0] == 200, "new": failed[1] == 201}
        for word in ("giraffe", "koala"):
            assert set(await ids(client, word)) == {id_ for id_ in found if found[id_]}
        assert await ids(client, "zebra") == (["old"] if failed[0] == 500 else [])


@pytest.mark.parametrize(
    ("event", "table"),
    [
        ("INSERT", "search_document"),
        ("DELETE", "search_document"),
        ("INSERT", "search_term"),
        ("UPDATE", "search_total"),
        ("DELETE", "search_queue"),
    ],
)
async def test_where_the_index_cannot_take_in_it_stays_as_it_was(
    own_database: Database, event: str, table: str
) -> None:
    app = create_app(settings_for(own_database.url))
    async with app.router.lifespan_context(app), client_of(app) as client:
        await post(client, "old", description="A zebra.")
        await post(client, "gone", description="An okapi.")
        assert own_database.indexed() == {"old", "gone"}
        own_database.execute(BROKEN[own_database.provider].format(event, table))
        await client.put("/api/video-analysis/old", json={"description": "A giraffe."})
        await post(client, "new", description="A koala.")
        await client.delete("/api/video-analysis/gone")
        assert (await client.get("/api/search", params={"q": "koala"})).status_code == 500
        on = f" ON {table}" if own_database.provider == "postgresql" else ""
        own_database.execute(f"DROP TRIGGER broken{on}")
        assert await ids(client, "giraffe koala") == ["new", "old"]
        assert await ids(client, "zebra okapi") == []
        assert own_database.indexed() == {"old", "new"}


async def test_rarer_words_weigh_more_and_shorter_texts(client: httpx.AsyncClient) -> None:
    for number in range(30):
        await post(client, f"common{number:02}", description="a dog and a cat play " * 2)
    await post(client, "rare", description="a heron and some other birds near the water")
    await post(client, "short", description="a dog")
    assert (await ids(client, "dog heron"))[:2] == ["rare", "short"]
    found = await search(client, "dog", limit=100)
    assert found["count"] == 31
    assert found["facets"]["tags"] == []
    scores = [result["score"] for result in found["results"]]
    assert scores == sorted(scores, reverse=True)


async def test_a_rare_word_is_found_beside_one_that_too_many_have(
    client: httpx.AsyncClient,
) -> None:
    for number in range(30):
        await post(client, f"common{number:02}", description="a dog plays")
    await post(client, "rare", description="a heron" + " and other birds near the water" * 5)
    params = {"q": "dog heron", "limit": 4}
    first = (await client.get("/api/search", params=params)).json()
    shown = [result["video_id"] for result in first["results"]]
    assert shown == ["rare", "common00", "common01", "common02"]
    params["cursor"] = first["next_cursor"]
    second = (await client.get("/api/search", params=params)).json()
    assert [r["video_id"] for r in second["results"]] == [f"common{n:02}" for n in range(3, 7)]


async def test_a_word_said_twice_weighs_twice(client: httpx.AsyncClient) -> None:
    await post(client, "one", description="a dog on the sand")
    await post(client, "two", description="a cat on the sand")
    assert await ids(client, "dog cat cat.") == ["two", "one"]
    assert await ids(client, "dog cat dog.") == ["one", "two"]


async def test_pages_show_each_untouched_result_once_while_others_write(
    client: httpx.AsyncClient,
) -> None:
    for number in range(40):
        await post(client, f"keep{number}", description="a whale " + "in the sea " * (number % 7))
        await post(client, f"gone{number}", description="a whale " + "at sea " * (number % 5))
    whole = await ids(client, "whale", limit=100)
    seen: list[str] = []
    cursor = None
    for page in range(30):
        params = {"q": "whale", "limit": 7, **({"cursor": cursor} if cursor else {})}
        answer = (await client.get("/api/search", params=params)).json()
        seen += [result["video_id"] for result in answer["results"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
        await post(client, f"new{page}", description="whale whale whale")
        await client.delete(f"/api/video-analysis/gone{page * 3}")
    kept = [id_ for id_ in whole if id_.startswith("keep")]
    assert [id_ for id_ in seen if id_.startswith("keep")] == kept
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize(
    "query",
    ["", "q=", "q=%20%09", "q=a&limit=0", "q=a&limit=101", "q=a&cursor=x", "q=a&x=1", "q=a&q=b"],
)
async def test_a_wrong_question_is_a_422(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"/api/search?{query}")).status_code == 422


@pytest.mark.usefixtures("videos")
async def test_a_forged_cursor_is_refused_or_harmless(client: httpx.AsyncClient) -> None:
    from backend.core import cursors
    from backend.records.filters import Filters

    query = f"search family {Filters().digest()}"
    for slots in (
        [[1, 1, [["family'", 1]]]],
        [[1, 1, [['fam" OR "x', 1]]]],
        [[1, 1, []]],
        [[-1, 1, [["a", 1]]]],
        [[1, -1, [["a", 1]]]],
        [[1, [["a", 1]]]],
        [[1, 1, [["a", 1.5]]]],
        [[1, 10**6, [["a", 1]]]],
        [[1, 1, [["a", 1]] * 100]],
        [[1, 1, [["a", 1]], -1]],
        [[1, 1, [["a", 1]], 1, 1]],
        [["x"]],
        7,
    ):
        cursor = cursors.encode(query, [1.0, "v", 6, 40, 0.0, slots])
        answer = await client.get("/api/search", params={"q": "family", "cursor": cursor})
        assert answer.status_code == 422, slots
    for slots in (
        [[3, 1, [["famili", 1]]]],
        [[0, 1000, [["famili", 0.5], ["x", 1]]]],
        [[0, 0, [["famili", 1]]]],
        [[3, 1, [["famili", 1]], 2**50]],
        [],
    ):
        for documents in (0, 1, 2**40):
            cursor = cursors.encode(query, [9.0, "v", documents, 40, 0.0, slots])
            answer = await client.get("/api/search", params={"q": "family", "cursor": cursor})
            assert answer.status_code == 200, slots


class _Marks(HTMLParser):
    """Fails on any tag but <mark>; gathers the text."""

    def __init__(self, snippet: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.feed(snippet)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        assert (tag, attrs) == ("mark", [])

    def handle_data(self, data: str) -> None:
        self.text += data


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=30)
STORED = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(q=ANY_TEXT, stored=STORED.filter(lambda text: not text.isspace()))
async def test_any_text_is_stored_and_asked(client: httpx.AsyncClient, q: str, stored: str) -> None:
    await client.delete("/api/video-analysis/v")
    await post(client, "v", description=stored)
    for question in (q, stored[:500]):
        text = quote(question.encode("utf-8", "surrogatepass"))
        answer = await client.get(f"/api/search?q={text}")
        assert answer.status_code in (200, 422)
        for result in answer.json().get("results", ()):
            shown = _Marks(result["snippet"]).text
            assert shown.strip("… ").replace("\r", "\n")[:20] in stored.replace("\r", "\n")
    assert json.loads(answer.content) is not None
