from __future__ import annotations

from itertools import islice
from statistics import mean

from backend.models.schemas import VideoAnalysisCreate
from bench import bulk, records, report
from bench.contestants import CONTESTANTS


def test_generated_descriptions_have_the_statistics_of_real_ones() -> None:
    descriptions = [source.description for source in records.generate_sources()]
    assert 235 < mean(map(len, descriptions)) < 290
    assert 47 < mean(len(text.split()) for text in descriptions) < 54


def test_more_rows_than_sources_get_ids_of_their_own() -> None:
    sources = records.generate_sources()[:10]
    rows = list(records.rows(sources, 25))
    assert len({row.video_id for row in rows}) == len({row.id for row in rows}) == 25
    assert rows == list(islice(records.rows(sources, 1000), 25))


def test_the_report_names_every_contestant_and_the_ratio_to_it() -> None:
    sample = {"rate": 1000.0, "p50_us": 900.0, "p99_us": 1800.0, "cpu_us": 990.0, "busy": 0.99}
    contestants = {
        each.name: {
            "starts": [0.5],
            "resident": [2**20 * 80],
            "samples": {"get": [{**sample, "rate": 4000.0 if each.is_ours else 1000.0}]},
        }
        for each in CONTESTANTS
    }
    text = report.render(
        {
            "command": "make bench",
            "date": "2026-01-01",
            "minutes": 1,
            "machine": "a machine",
            "versions": {"Python": "3"},
            "connections": 16,
            "rows": 1000,
            "data": "generated",
            "rounds": 1,
            "seconds": 5,
            "contestants": contestants,
            "cost": {"ours-sqlite": {"get": {1000: 90.0, 10_000: 91.0}}},
            "imported": 1000,
            "bulk": {
                "ours-sqlite": {"import": [8000.0, 9000.0, 1.0], "export": [6000.0]},
                "bare-sqlite": {"import": [10_000.0], "export": [12_000.0]},
                "fastify-prisma-sqlite": {"import": [2000.0], "export": [3000.0]},
            },
        }
    )
    for each in CONTESTANTS:
        assert f"| {each.title}" in text
    assert (
        "| Fastify 5 + Prisma 7, SQLite | 1,000 | 990 µs | 99% | 0.90 ms | 1.80 ms | 2.0 | 1.00 "
        "| 4.00x |"
    ) in text
    assert (
        "| Memory Mirror, with a log line per request, SQLite | 4,000 | 990 µs | 99% | 0.90 ms "
        "| 1.80 ms | 2.0 | 4.00 | 1.00x |"
    ) in text
    assert "| **Memory Mirror**, SQLite, get one | 90 µs | 91 µs |" in text
    assert "| **Memory Mirror**, SQLite | 8,000 | 0.80 |  | 6,000 | 0.50 |  |" in text
    assert "| Fastify 5 + Prisma 7, SQLite | 2,000 | 0.20 | 4.00x | 3,000 | 0.25 | 2.00x |" in text


def test_imported_records_have_ids_of_their_own_and_segments() -> None:
    lines = bulk.lines_of(None, records.generate_sources()[:10], 25)
    assert len({line["video_id"] for line in lines}) == 25
    for line in lines:
        assert VideoAnalysisCreate.model_validate(line).segments
