"""What becomes of the lines of a file, in each mode; each line as if it were sent by itself."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from backend.core.caller import ANONYMOUS
from backend.core.owners import owned
from backend.history import AuditFilters
from backend.models.schemas import VideoAnalysisCreate
from backend.records import Once
from backend.services import Services, make_services
from backend.transfer import Import, Options, Summary, Written, read_lines
from tests.fixtures import Database, PostgreSQL
from tests.transfer.conftest import NewDatabase

pytestmark = pytest.mark.anyio

BEACH: dict[str, Any] = {
    "video_id": "beach",
    "description": "Two children build a sandcastle.",
    "title": "Beach day",
    "age": 7,
    "tags": ["beach", "summer"],
    "people": ["Rosa"],
    "segments": [{"start": 0, "end": 2.5, "text": "They dig."}],
    "extra": {"camera": "Super 8"},
}
SNOW: dict[str, Any] = {"video_id": "snow", "description": "A snowman."}


def file_of(records: Sequence[Any]) -> io.BytesIO:
    return io.BytesIO(
        b"".join(
            (each if isinstance(each, bytes) else json.dumps(each).encode()) + b"\n"
            for each in records
        )
    )


async def imported(
    services: Services,
    records: Sequence[Any],
    *,
    once: Once | None = None,
    **options: Any,
) -> tuple[list[Written], Summary]:
    written: list[Written] = []

    def shown(each: Written) -> bytes:
        written.append(each)
        return f"{each.line}\n".encode()

    lines = read_lines(file_of(records), max_line=2**20)
    import_ = Import(
        services.database, lines, Options(**{"on_error": "continue", **options}), shown
    )
    told = b"".join([part async for part in import_.run(once)])
    assert told.decode().split() == [str(each.line) for each in written][-len(told.split()) :]
    return written, import_.summary


def statuses(written: Sequence[Written]) -> list[str]:
    return [f"{each.status} {each.error.status}" if each.error else each.status for each in written]


async def stored(services: Services, video_id: str) -> Mapping[str, Any]:
    return await services.database.get_video_analysis(video_id)


@pytest.mark.parametrize("on_error", ["stop", "continue"])
async def test_a_line_becomes_a_record(
    services: Services, database: Database, on_error: str
) -> None:
    written, summary = await imported(services, [BEACH, SNOW], on_error=on_error)
    assert statuses(written) == ["created", "created"]
    assert [each.video_id for each in written] == ["beach", "snow"]
    assert summary == Summary(created=2, last_line=2, complete=True, committed=True)
    record = await stored(services, "beach")
    assert {name: record[name] for name in BEACH} == BEACH
    assert record["version"] == 1
    assert {name: source["kind"] for name, source in record["sources"].items()} == {
        name: "import" for name in BEACH if name != "video_id"
    }
    page = await services.audit.page(AuditFilters(), limit=10)
    assert [(row["action"], row["name"], row["version"]) for row in page["changes"]] == [
        ("create", "snow", 1),
        ("create", "beach", 1),
    ]
    assert {row["actor"] for row in page["changes"]} == {ANONYMOUS}
    assert database.indexed() == {"beach", "snow"}


@pytest.mark.parametrize(
    ("mode", "expected", "description", "title"),
    [
        ("create", ["failed 409"], BEACH["description"], "Beach day"),
        ("skip", ["skipped"], BEACH["description"], "Beach day"),
        ("upsert", ["updated"], "The sea.", "Beach day"),
        ("replace", ["updated"], "The sea.", None),
    ],
)
async def test_a_record_that_is_there_is_treated_as_the_mode_says(
    services: Services,
    database: Database,
    mode: str,
    expected: list[str],
    description: str,
    title: str | None,
) -> None:
    await imported(services, [BEACH])
    line = {"video_id": "beach", "description": "The sea.", "tags": ["sea"]}
    written, _ = await imported(services, [line], mode=mode)
    assert statuses(written) == expected
    record = await stored(services, "beach")
    assert (record["description"], record["title"]) == (description, title)
    is_changed = expected == ["updated"]
    assert record["version"] == 1 + is_changed
    assert record["tags"] == (["sea"] if is_changed else BEACH["tags"])
    assert record["people"] == ([] if mode == "replace" else ["Rosa"])
    assert record["segments"] == ([] if mode == "replace" else BEACH["segments"])
    assert database.indexed() == {"beach"}


@pytest.mark.parametrize("mode", ["upsert", "replace"])
async def test_what_says_nothing_new_writes_nothing(
    services: Services, database: Database, mode: str
) -> None:
    await imported(services, [BEACH, SNOW])
    changes = database.count("change_log")
    written, summary = await imported(services, [BEACH, SNOW], mode=mode)
    assert statuses(written) == ["unchanged", "unchanged"]
    assert summary.unchanged == 2
    assert database.count("change_log") == changes
    assert (await stored(services, "beach"))["version"] == 1


async def test_later_lines_of_a_video_apply_to_what_earlier_ones_made(services: Services) -> None:
    lines = [
        SNOW,
        {"video_id": "snow", "title": "Snow"},
        {"video_id": "other", "description": "x"},
        {"video_id": "snow", "title": "Otto", "tags": ["winter"]},
        {"video_id": "snow", "title": None},
        SNOW,
    ]
    written, _ = await imported(services, lines, mode="upsert")
    assert statuses(written) == [
        "created", "updated", "created", "updated", "updated", "unchanged",
    ]  # fmt: skip
    record = await stored(services, "snow")
    assert (record["version"], record["title"], record["tags"]) == (4, None, ["winter"])
    written, _ = await imported(services, [{**BEACH}, {**BEACH}], mode="create")
    assert statuses(written) == ["created", "failed 409"]


async def test_versions_go_on_after_a_deletion(services: Services) -> None:
    await imported(services, [SNOW])
    await services.database.delete_video_analysis("snow")
    written, _ = await imported(services, [SNOW, BEACH], mode="create")
    assert statuses(written) == ["created", "created"]
    assert (await stored(services, "snow"))["version"] == 3


async def test_a_persons_words_are_replaced_only_with_override(services: Services) -> None:
    human = {**SNOW, "source": {"kind": "human"}}
    await imported(services, [human])
    line = {"video_id": "snow", "description": "Snow."}
    written, _ = await imported(services, [line], mode="upsert")
    assert statuses(written) == ["failed 409"]
    assert written[0].error is not None
    assert written[0].error.more["human"] == {"description": "A snowman."}
    written, _ = await imported(services, [line], mode="upsert", override_human=True)
    assert statuses(written) == ["updated"]
    record = await stored(services, "snow")
    assert record["sources"]["description"]["kind"] == "import"


BAD: list[Any] = [
    {"video_id": "a b", "description": "x"},
    {"video_id": "no-description"},
    {**SNOW, "colour": "red"},
    {**SNOW, "description": "a\0b"},
    {**SNOW, "description": "x" * 65_536},
    {**SNOW, "age": "seven"},
    b"{",
    b"\xff",
]


@pytest.mark.parametrize("mode", ["create", "upsert"])
async def test_lines_that_are_wrong_leave_the_others_alone(
    services: Services, database: Database, mode: str
) -> None:
    written, summary = await imported(services, [BEACH, *BAD, SNOW], mode=mode)
    assert statuses(written) == ["created", *["failed 422"] * len(BAD), "created"]
    assert summary == Summary(created=2, failed=8, last_line=10, complete=True, committed=True)
    assert database.rows() == {
        "beach": BEACH["description"],
        "snow": "A snowman.",
    }


@pytest.mark.parametrize("wrong", [{"video_id": "b"}, BEACH])
async def test_with_stop_it_is_all_or_nothing(
    services: Services, database: Database, wrong: Any
) -> None:
    tags = database.count("tag")
    many = [{"video_id": f"v{n}", "description": "x"} for n in range(600)]
    first = {**BEACH, "tags": ["a tag of nobody else"]}
    written, summary = await imported(services, [first, *many, wrong, SNOW], on_error="stop")
    assert (written[-1].line, written[-1].status) == (602, "failed")
    assert summary == Summary(failed=1, last_line=602)
    assert database.rows() == {}
    assert database.count("tag") == tags
    written, summary = await imported(services, [BEACH, *many, SNOW], on_error="stop")
    assert summary == Summary(created=602, last_line=602, complete=True, committed=True)
    assert len(database.rows()) == 602


@pytest.mark.parametrize("on_error", ["stop", "continue"])
async def test_a_dry_run_tells_and_stores_nothing(
    services: Services, database: Database, on_error: str
) -> None:
    lines = [BEACH, {**BEACH, "title": "x"}, *(BAD if on_error == "continue" else [])]
    written, summary = await imported(
        services, lines, on_error=on_error, dry_run=True, mode="upsert"
    )
    assert statuses(written)[:2] == ["created", "updated"]
    assert (summary.complete, summary.committed, summary.dry_run) == (True, False, True)
    assert (database.rows(), database.count("change_log")) == ({}, 0)


@pytest.mark.parametrize("on_error", ["stop", "continue"])
async def test_what_cannot_be_read_on_ends_it(
    services: Services, database: Database, on_error: str
) -> None:
    lines = read_lines(
        io.BytesIO(b'[{"video_id": "a", "description": "x"}, {"video_id":'), max_line=1_000
    )
    import_ = Import(services.database, lines, Options(on_error=on_error), lambda _: b"x")  # type: ignore[arg-type]
    told = b"".join([part async for part in import_.run()])
    summary = import_.summary
    assert summary.error is not None
    assert summary.error.kind == "import-unreadable"
    assert (told, database.rows()) == ((b"", {}) if on_error == "stop" else (b"x", {"a": "x"}))
    assert summary.committed == (on_error == "continue")


async def test_it_goes_on_where_it_was_cut(services: Services, database: Database) -> None:
    lines = [{"video_id": f"v{n}", "description": "x"} for n in range(1_200)]
    lines[3] = {"video_id": "bad"}
    once = Once("tester", "key", "fingerprint")
    cut = Import(
        services.database, read_lines(file_of(lines), max_line=1_000),
        Options(on_error="continue"), lambda _: b"",
    )  # fmt: skip
    async for _ in cut.run(once):
        cut.is_stopping = True
    assert cut.summary == Summary(created=499, failed=1, last_line=500, committed=True)
    written, summary = await imported(services, lines, once=once)
    assert [each.line for each in written] == list(range(501, 1_201))
    assert summary == Summary(
        created=1_199, failed=1, last_line=1_200, resumed_after=500, complete=True, committed=True
    )
    written, summary = await imported(services, lines, once=once)
    assert (written, summary.lines, summary.resumed_after) == ([], 1_200, 1_200)
    assert len(database.rows()) == database.count("change_log") == 1_199


async def test_a_file_of_other_things_is_not_read_to_its_end(
    services: Services, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.transfer.importing.MOST_REFUSED", 3)
    lines = [{"a": 1}, {"video_id": "a", "description": "x"}, b"{", {"a": 2}, {"a": 3}]
    written, summary = await imported(services, lines)
    assert [(each.line, each.status) for each in written] == [
        (1, "failed"), (2, "created"), (3, "failed"), (4, "failed"),
    ]  # fmt: skip
    assert summary.error is not None
    assert summary.error.detail.startswith("3 lines are no records, and no more is read.")
    assert (summary.last_line, summary.complete, database.rows()) == (4, False, {"a": "x"})


async def test_what_was_told_is_told_again_where_it_is_kept(services: Services) -> None:
    lines = [{"video_id": f"v{n}", "description": "x"} for n in range(1_200)]
    once = Once("tester", "key", "fingerprint")

    async def told(*, cut: bool) -> bytes:
        import_ = Import(
            services.database, read_lines(file_of(lines), max_line=1_000),
            Options(on_error="continue"), lambda each: f"{each.line}\n".encode(),
            tells_again=True,
        )  # fmt: skip
        parts = []
        async for part in import_.run(once):
            parts.append(part)
            import_.is_stopping = cut
        return b"".join(parts)

    def up_to(line: int) -> bytes:
        return b"".join(f"{each}\n".encode() for each in range(1, line + 1))

    assert await told(cut=True) == up_to(500)
    assert await told(cut=True) == up_to(500)
    assert await told(cut=False) == up_to(1_200)
    assert await told(cut=False) == up_to(1_200)


@pytest.mark.parametrize("on_error", ["stop", "continue"])
async def test_a_quota_refuses_the_lines_that_do_not_fit(database: Database, on_error: str) -> None:
    services = make_services(database.url, quota_records=5)
    await services.database.connect()
    try:
        lines = [{"video_id": f"v{n}", "description": "x"} for n in range(9)]
        lines += [{"video_id": "v0", "title": "Still changed"}]
        written, summary = await imported(services, lines, mode="upsert", on_error=on_error)
    finally:
        await services.database.disconnect()
    if on_error == "stop":
        assert (statuses(written), database.rows()) == (["failed 403"], {})
        return
    assert statuses(written) == ["created"] * 5 + ["failed 403"] * 4 + ["updated"]
    assert summary.failed == 4
    assert len(database.rows()) == 5


async def test_two_imports_of_the_same_videos_leave_one_record_of_each(
    services: Services, database: Database
) -> None:
    lines = [{**BEACH, "video_id": f"v{n}"} for n in range(40)]
    others = [{**each, "title": "Other"} for each in reversed(lines)]
    (first, _), (second, _) = await asyncio.gather(
        imported(services, lines, mode="upsert"), imported(services, others, mode="upsert")
    )
    assert {each.status for each in (*first, *second)} <= {"created", "updated", "unchanged"}
    assert len(database.rows()) == 40
    assert database.indexed() == {f"v{n}" for n in range(40)}


WIDE: dict[str, Any] = {
    **BEACH,
    "video_id": "wide",
    "recorded_date": "2019-07-14",
    "location": "Lisbon",
    "country": "Portugal",
    "mood": "joyful",
    "event_type": "vacation",
    "duration": 82.7,
    "extra": {"large": 1e300, "small": 5e-324, "list": ["\u00e9", "\U0001f39e"]},
    "source": {"kind": "machine", "model": "pegasus1.2"},
}


@pytest.mark.parametrize("line", [BEACH, SNOW, WIDE])
async def test_a_record_is_the_same_whether_it_is_sent_by_itself(
    services: Services, line: dict[str, Any]
) -> None:
    source = line.get("source", {"kind": "import"})
    analysis = VideoAnalysisCreate.model_validate({**line, "video_id": "alone", "source": source})
    alone = await services.database.create_video_analysis(analysis)
    await imported(services, [{**line, "video_id": "imported"}])
    found = dict(await stored(services, "imported"))
    of_its_own = ("id", "video_id", "created_at", "updated_at", "sources")
    for record in (alone, found):
        assert {said["at"] for said in record["sources"].values()} == {record["created_at"]}
    said_of_it = {"kind": source["kind"], "at": found["created_at"], **source}
    assert found["sources"] == dict.fromkeys(alone["sources"], said_of_it)
    assert {n: v for n, v in found.items() if n not in of_its_own} == {
        n: v for n, v in alone.items() if n not in of_its_own
    }
    rows: Any = await services.database.client.query_raw(
        "SELECT search_terms, size, has_relations, version, written, extra FROM video_analysis AS v"
        f" WHERE {owned('v')} ORDER BY video_id"
    )
    assert rows[0] == rows[1]


async def test_more_lines_than_one_statement_takes(services: Services, database: Database) -> None:
    count = 333
    lines = [{**WIDE, "video_id": f"v{n}", "tags": [f"t{n}", "all"]} for n in range(count)]
    written, summary = await imported(services, lines)
    assert [each.video_id for each in written] == [line["video_id"] for line in lines]
    assert summary.created == count
    assert database.indexed() == {line["video_id"] for line in lines}
    for line in (lines[0], lines[64], lines[-1]):
        record = await stored(services, line["video_id"])
        assert {name: record[name] for name in line if name != "source"} == {
            name: value for name, value in line.items() if name != "source"
        }
    page = await services.audit.page(AuditFilters(), limit=500)
    assert [row["name"] for row in reversed(page["changes"])] == [x["video_id"] for x in lines]


@pytest.mark.parametrize("mode", ["upsert", "replace", "skip", "create"])
async def test_new_and_stored_and_repeated_records_in_one_batch(
    services: Services, database: Database, mode: str
) -> None:
    await imported(services, [SNOW, BEACH])
    await services.database.delete_video_analysis("beach")
    lines = [
        {"video_id": "snow", "description": "More snow."},
        BEACH,
        {"video_id": "new", "description": "x", "tags": ["a"]},
        {"video_id": "new", "description": "y", "tags": ["b"]},
        {"video_id": "wrong", "description": ""},
        {"video_id": "beach", "description": "The sea.", "people": ["Ben"]},
        {"video_id": "last", "description": "z"},
    ]
    written, _ = await imported(services, lines, mode=mode)
    there = {"upsert": "updated", "replace": "updated", "skip": "skipped", "create": "failed 409"}
    again = there[mode]
    assert statuses(written) == [
        again, "created", "created", again, "failed 422", again, "created",
    ]  # fmt: skip
    changes = mode in ("upsert", "replace")
    snow, new, beach = [await stored(services, name) for name in ("snow", "new", "beach")]
    assert (snow["version"], snow["description"]) == (
        (2, "More snow.") if changes else (1, "A snowman.")
    )
    assert (new["version"], new["tags"]) == ((2, ["b"]) if changes else (1, ["a"]))
    assert (beach["version"], beach["people"]) == ((4, ["Ben"]) if changes else (3, ["Rosa"]))
    assert database.indexed() == {"snow", "beach", "new", "last"}


async def test_what_another_stores_meanwhile_is_met_by_the_whole_batch_again(
    services: Services, database: Database
) -> None:
    lines = [{"video_id": f"v{n}", "description": "x"} for n in range(100)]
    others = [{"video_id": f"v{n}", "description": "y"} for n in (99, 7)]
    first, second = await asyncio.gather(
        imported(services, lines, mode="skip"), imported(services, others, mode="skip")
    )
    created = [each.video_id for each in (*first[0], *second[0]) if each.status == "created"]
    assert sorted(created) == sorted(line["video_id"] for line in lines)
    assert database.count("change_log") == len(database.rows()) == 100


async def test_a_line_that_stops_it_leaves_nobody_reading_the_file(services: Services) -> None:
    class Slow(io.BytesIO):
        is_read = False

        def read(self, size: int | None = -1) -> bytes:
            self.is_read = True
            time.sleep(0.05)
            try:
                return super().read(size)
            finally:
                self.is_read = False

    many = [{"video_id": f"v{n}", "description": "x" * 500} for n in range(2_000)]
    file = Slow(file_of([{"video_id": "wrong"}, *many]).getvalue())
    import_ = Import(services.database, read_lines(file, max_line=10_000), Options(), lambda _: b"")
    async for _ in import_.run():
        pass
    assert not file.is_read
    at = file.tell()
    await asyncio.sleep(0.2)
    assert file.tell() == at < len(file.getvalue())


@pytest.mark.parametrize("mode", ["create", "upsert", "replace"])
async def test_a_description_that_is_json_becomes_text_and_fields(
    services: Services, database: Database, mode: str
) -> None:
    answer = {"title": "Beach day", "summary": "They dig.", "keywords": ["sand"], "reel": 4}
    given = {"video_id": "beach", "description": f"```json\n{json.dumps(answer)}\n```"}
    refused = {**given, "video_id": "snow", "tags": "sand"}
    written, _ = await imported(services, [{**given, "tags": ["summer"]}, refused], mode=mode)
    assert statuses(written) == ["created", "failed 422"]
    record = await stored(services, "beach")
    assert {name: record[name] for name in ("description", "title", "tags", "extra")} == {
        "description": "They dig.",
        "title": "Beach day",
        "tags": ["summer", "sand"],
        "extra": {"reel": 4},
    }
    assert database.indexed() == {"beach"}


async def test_tables_that_grow_from_a_page_to_many_are_not_read_through(
    new_database: NewDatabase,
) -> None:
    """PostgreSQL knew of one record. An import is one transaction, the indexes follow it at once:
    it learns nothing more by itself."""
    database, number = new_database("postgresql"), 5_000
    assert isinstance(database, PostgreSQL)
    services = make_services(database.url)
    await services.database.connect()
    try:
        await imported(services, [BEACH])
        await follow(services)
        database.execute("ANALYZE")
        lines = [{**BEACH, "video_id": f"v{n}", "description": f"{n}"} for n in range(number)]
        changed = [{**each, "title": "The sea"} for each in lines]
        await imported(services, lines, on_error="stop")
        await follow(services)
        await imported(services, changed, mode="upsert", on_error="stop")
        await follow(services)
    finally:
        await services.database.disconnect()
    for table in GROWING:
        read = rows_read(database, table)
        assert read < 300 * number, (table, read)
        known = f"SELECT reltuples::bigint FROM pg_class WHERE relname = '{table}'"
        assert int(database.server.psql(known, database=database.name)) > number / 3, table


GROWING = (
    "change_log", "video_analysis", "segment", "search_document", "duplicate_record",
    "duplicate_text",
)  # fmt: skip


async def follow(services: Services) -> None:
    await services.search.search("sea", limit=1)
    while await services.duplicates.follow():
        pass


def rows_read(database: PostgreSQL, table: str) -> int:
    """By all statements so far, in whatever way."""
    by_index = f"SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = '{table}'"
    read = f"SELECT seq_tup_read + ({by_index}) FROM pg_stat_user_tables WHERE relname = '{table}'"
    return int(database.server.psql(read, database=database.name))
