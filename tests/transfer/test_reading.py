"""What the lines of a file are, whatever its format, its packing, and where its blocks end."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import zstandard

from backend.core.errors import ServiceError
from backend.transfer import ImportTooLarge, Line, Unreadable, packing, read_lines

LONGEST = 1_000


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)  # the same at each run: tests are named by it


RECORDS = [
    {"video_id": "a1", "description": 'A "beach", [two] {people} \\ ünï', "tags": ["x", "y"]},
    {"video_id": "b2", "description": "A\nforest, \t;", "age": 7},
]
NDJSON = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in RECORDS).encode()
PACKINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "plain": lambda data: data,
    "gzip": gzipped,
    "gzip of several members": lambda data: gzipped(data[:9]) + gzipped(data[9:]),
    "padded gzip": lambda data: gzipped(data) + b"\0" * 700,
    "zstd": zstandard.ZstdCompressor().compress,
    "zstd of several frames": lambda data: b"".join(
        zstandard.ZstdCompressor().compress(part) for part in (data[:9], data[9:])
    ),
}


def lines_of(data: bytes, **options: Any) -> list[Line]:
    return list(read_lines(io.BytesIO(data), **{"max_line": LONGEST, **options}))


def found(data: bytes, **options: Any) -> list[tuple[int, Any]]:
    """By line: its values, or what is said of it."""
    return [
        (line.number, line.values.detail if isinstance(line.values, ServiceError) else line.values)
        for line in lines_of(data, **options)
    ]


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize(
    "text",
    [
        NDJSON,
        NDJSON.rstrip(),
        b"\xef\xbb\xbf" + NDJSON.replace(b"}\n", b"}\r\n"),
        json.dumps(RECORDS).encode(),
        b"\n [ " + json.dumps(RECORDS, indent=2).encode()[1:] + b"\n",
    ],
)
def test_json_is_read_however_it_is_packed(text: bytes, packing: str) -> None:
    assert found(PACKINGS[packing](text)) == list(enumerate(RECORDS, start=1))


@pytest.mark.parametrize(
    ("block", "packing"),
    [(1, "plain"), (2, "plain"), (7, "plain"), (7, "gzip of several members"), (64, "padded gzip")],
)
def test_it_does_not_matter_where_blocks_end(
    block: int, packing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.transfer.packing.BLOCK", block)
    array = json.dumps(RECORDS, ensure_ascii=False).encode()
    assert found(PACKINGS[packing](NDJSON), format="ndjson") == list(enumerate(RECORDS, start=1))
    if block > 1:  # the start of the array must be in the first
        assert found(PACKINGS[packing](array), format="json") == list(enumerate(RECORDS, start=1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'video_id,description,age,duration,tags,extra\r\na1,"A ""beach"", two",7,1.5,x; y,\r\n',
            [
                (
                    2,
                    {
                        "video_id": "a1",
                        "description": 'A "beach", two',
                        "age": 7,
                        "duration": 1.5,
                        "tags": ["x", "y"],
                    },
                )
            ],
        ),
        (  # Excel's
            '\ufeffvideo_id;description;tags\na1;"one; two\nthree";"[""x;y""]"\n\nb2;x;\n',
            [
                (2, {"video_id": "a1", "description": "one; two\nthree", "tags": ["x;y"]}),
                (5, {"video_id": "b2", "description": "x"}),
            ],
        ),
        (
            'video_id,description,extra\na1,x,"{""camera"": ""Super 8""}"\nb2,x,{\n',
            [
                (2, {"video_id": "a1", "description": "x", "extra": {"camera": "Super 8"}}),
                (
                    3,
                    "body.extra: The body is not JSON: Expecting property name enclosed in double "
                    "quotes: line 1 column 2 (char 1)",
                ),
            ],
        ),
        (
            'video_id,description\na1\nb2,"x"y\nc3,x\n',
            [
                (2, "body: The line has 1 columns, and the header 2"),
                (3, "body: The line is not CSV: ',' expected after '\"'"),
                (4, {"video_id": "c3", "description": "x"}),
            ],
        ),
        ("video_id,age\na1,seven\n", [(2, {"video_id": "a1", "age": "seven"})]),
        ("", []),
        ("video_id,description\n", []),
    ],
)
def test_csv_is_read(text: str, expected: list[tuple[int, Any]]) -> None:
    assert found(text.encode()) == expected


def test_columns_and_members_are_renamed_or_left_out() -> None:
    names = {"video": "video_id", "text": "description", "junk": ""}
    expected = [{"video_id": "a1", "description": "x"}]
    assert found(b"video,text,junk\na1,x,y\n", names=names) == [(2, expected[0])]
    text = b'{"video": "a1", "text": "x", "junk": 1}'
    assert found(text, names=names) == [(1, expected[0])]
    assert found(b'{"video": "a1", "video_id": "b2"}', names=names) == [
        (1, "body: Two members have one name, as they are called here")
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"a": 1}\n{"a":\n{"a": 2}', {1, 3}),
        (b'{"a": 1}\n\xff\n{"a": 2}', {1, 3}),
        (b'{"a": 1}\n{"b": 1, "b": 2}\n{"a": 2}', {1, 3}),
        (b'{"a": 1}\n7\n{"a": 2}', {1, 3}),
        (b'{"a": 1}\n{"a": "' + b"x" * 2_000 + b'"}\n{"a": 2}', {1, 3}),
        (b'[{"a": 1}, {"a"}, {"a": 2}]', {1, 3}),
        (b'[{"a": 1}, , {"a": 2}]', {1, 3}),
        (b'[{"a": 1}, {"a": "' + b"x" * 200_000 + b'"}, {"a": 2}]', {1, 3}),
        (b"video_id\na1\n\xff\nb2\n", {2, 4}),
    ],
)
def test_what_is_wrong_with_one_line_is_said_of_it_alone(text: bytes, expected: set[int]) -> None:
    lines = lines_of(text)
    assert len(lines) == 3
    assert {line.number for line in lines if isinstance(line.values, dict)} == expected
    [wrong] = [line for line in lines if isinstance(line.values, ServiceError)]
    assert wrong.number == sorted(expected)[0] + 1


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (gzipped(NDJSON)[:-9], "it was cut"),
        (gzipped(NDJSON)[:20] + b"xxxxxxxxxxxxxxxxxx", "The gzip data is damaged"),
        (zstandard.ZstdCompressor().compress(NDJSON)[:-9], "it was cut"),
        (b"\x28\xb5\x2f\xfdxxxxxxxxxxxxxxx", "The zstd data is damaged"),
        (b'[{"a": 1}, {"a": 2}', "it was cut"),
        (b'[{"a": 1}] {"a": 2}', "there is more"),
        (b'[{"a": 1}}', "there is more"),
        (b'[{"a": 1}, ' + b"[" * 5_000, "Element 2 is nested too deeply"),
        (b'[{"a": "' + b"x" * (17 * 2**20) + b'"}]', "Element 1 has more than 16777216 bytes"),
        (NDJSON.decode().encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04xxx", "zip archive"),
        (b"video_id,video_id\n", "Two columns"),
        (b"name\nx\n", "No column is called video_id"),
        (b'video_id,description\na1,"' + b"x\n" * 2_000, "Maybe a quote is not closed"),
    ],
)
def test_what_cannot_be_read_on_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        lines_of(data)


@pytest.mark.parametrize("head", [b"", b"video_id\n"])
def test_lines_are_bounded_where_bytes_are(head: bytes) -> None:
    data = head + b"\n" * 200_000
    assert lines_of(data, format="csv" if head else "ndjson") == []
    with pytest.raises(Unreadable, match="more than 25000 lines"):
        lines_of(data, format="csv" if head else "ndjson", max_bytes=400_000)


@pytest.mark.parametrize("pack", [gzipped, zstandard.ZstdCompressor(level=19).compress])
@pytest.mark.parametrize("unit", [b"\n", b"x", b'{"a": "b"}\n', b"["])
def test_what_unpacks_to_very_much_takes_little_memory(
    pack: Callable[[bytes], bytes], unit: bytes
) -> None:
    data = pack(unit * (32 * 2**20 // len(unit)))
    assert len(data) < 2**17
    tracemalloc.start()
    try:
        with pytest.raises((ImportTooLarge, Unreadable)):
            for _ in read_lines(io.BytesIO(data), max_line=2**18, max_bytes=2**19):
                pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 24 * 2**20
    assert packing.BLOCK == 2**16
