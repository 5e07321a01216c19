"""query_raw and execute_raw: parameters, types, errors."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from oracle.calls import Provider, execute_raw, query_raw
from oracle.cases import cases

SQLITE: tuple[Provider, ...] = ("sqlite",)
POSTGRESQL: tuple[Provider, ...] = ("postgresql",)

CASES = [
    *cases(
        "blog",
        query_raw("SELECT id, email, name, age, score FROM users ORDER BY id"),
        query_raw("SELECT COUNT(*) AS n, MAX(age) AS oldest, AVG(age) AS mean FROM users"),
        query_raw("SELECT * FROM users WHERE id = 999"),
        query_raw("SELECT NULL AS nothing"),
        query_raw("SELECT * FROM missing_table"),
        query_raw("SELECT missing_column FROM users"),
        query_raw("SELECT nonsense FROM FROM"),
        execute_raw("UPDATE users SET name = 'raw' WHERE id > 6"),
        execute_raw("UPDATE users SET name = 'raw' WHERE id > 600"),
        execute_raw("DELETE FROM posts WHERE id = 'p6'"),
        execute_raw("INSERT INTO \"Team\" (name) VALUES ('raw')"),
        execute_raw("INSERT INTO \"Team\" (name) VALUES ('Core')"),
        execute_raw('DELETE FROM "Team" WHERE id = 1'),
        execute_raw('UPDATE "Team" SET name = NULL WHERE id = 1'),
        query_raw("UPDATE users SET age = 1 WHERE id <= 2 RETURNING id, age"),
    ),
    *cases(
        "blog",
        query_raw("SELECT id, email FROM users WHERE name = ? AND score > ?", "Ada", 1.5),
        query_raw("SELECT id FROM users WHERE active = ? ORDER BY id", True),
        query_raw("SELECT ? AS text, ? AS none", "ü'\"", None),
        query_raw("SELECT id, created_at, active, role FROM users WHERE id = ?", 1),
        query_raw("SELECT id, rating, extra FROM posts WHERE id = ?", "p1"),
        query_raw("SELECT id FROM users WHERE id = ? AND name = ?", 1),
        query_raw("SELECT active AS name, +active AS n, MAX(active) AS m FROM users"),
        query_raw("SELECT CAST(active AS BOOLEAN) AS a, MIN(created_at) AS m FROM users"),
        query_raw("WITH u(a, c) AS (SELECT active, created_at FROM users) SELECT a, c FROM u"),
        query_raw("SELECT a FROM (SELECT active AS a FROM users WHERE id < ?) ORDER BY a", 5),
        query_raw("SELECT (SELECT active FROM users WHERE id = ?) AS a", 1),
        query_raw("SELECT published FROM posts UNION ALL SELECT active FROM users"),
        query_raw("SELECT NULL AS a UNION ALL SELECT active FROM users"),
        query_raw("SELECT u.active, p.* FROM users u JOIN posts p ON p.author_id = u.id"),
        query_raw("UPDATE users SET age = ? WHERE id = 1 RETURNING active, created_at AS c", 7),
        query_raw("UPDATE users SET active = 5 WHERE id = 1 RETURNING active, active + 1 AS n"),
        query_raw("UPDATE users SET created_at = 1700000000123 WHERE id = 1 RETURNING created_at"),
        query_raw("DELETE FROM posts WHERE id = 'p6' RETURNING *"),
        execute_raw("UPDATE users SET age = age + ? WHERE id = ?", 5, 1),
        execute_raw(
            "UPDATE users SET created_at = ? WHERE id = ?", datetime(2020, 1, 1, tzinfo=UTC), 1
        ),
        providers=SQLITE,
    ),
    *cases(
        "blog",
        query_raw("SELECT id, email FROM users WHERE name = $1 AND score > $2", "Ada", 1.5),
        query_raw("SELECT id FROM users WHERE active = $1 ORDER BY id", True),
        query_raw("SELECT $1::text AS text, $2::int AS none", "ü'\"", None),
        query_raw("SELECT id, created_at, active, role FROM users WHERE id = $1", 1),
        query_raw("SELECT id, rating, extra FROM posts WHERE id = $1", "p1"),
        query_raw("SELECT id FROM users WHERE id = $1 AND name = $2", 1),
        query_raw("SELECT id FROM users WHERE id = ANY($1::int[]) ORDER BY id", [1, 2]),
        query_raw(
            "SELECT 1::int2 AS a, 2::int4 AS b, 3::int8 AS c,"
            " 1.5::float4 AS d, 2.5::float8 AS e, 1.10::numeric AS f"
        ),
        query_raw(
            "SELECT '2024-01-02'::date AS d, '03:04:05'::time AS t,"
            " '2024-01-02 03:04:05.678'::timestamp AS s"
        ),
        query_raw(
            "SELECT '2024-01-02 03:04:05.678+02'::timestamptz AS z, true AS b,"
            " 'x'::char(3) AS c, 'v'::varchar AS v"
        ),
        query_raw("SELECT '{\"a\": [1, 2]}'::jsonb AS j, '[1]'::json AS k, '\\x00ff'::bytea AS y"),
        query_raw(
            "SELECT ARRAY[1,2]::int[] AS i, ARRAY['a',NULL]::text[] AS t,"
            " ARRAY[1.5]::numeric[] AS n, '{}'::bool[] AS e"
        ),
        query_raw(
            "SELECT 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid AS u, '10.0.0.1'::inet AS i,"
            " B'101' AS b, 12.5::money AS m"
        ),
        query_raw("SELECT 1 / 0 AS boom"),
        execute_raw("UPDATE users SET age = age + $1 WHERE id = $2", 5, 1),
        execute_raw(
            "UPDATE users SET created_at = $1 WHERE id = $2", datetime(2020, 1, 1, tzinfo=UTC), 1
        ),
        execute_raw("UPDATE posts SET rating = $1 WHERE id = 'p1'", Decimal("1.25")),
        providers=POSTGRESQL,
    ),
    *cases(
        "types",
        query_raw('SELECT * FROM "Scalars" ORDER BY id'),
        query_raw('SELECT * FROM "weird table" ORDER BY 1'),
    ),
    *cases(
        "postgres",
        query_raw('SELECT * FROM "Lists" ORDER BY id'),
        query_raw('SELECT * FROM "Document" ORDER BY id'),
        query_raw('SELECT * FROM "Native" ORDER BY id'),
        query_raw('SELECT * FROM "NativeLists" ORDER BY id'),
        providers=POSTGRESQL,
    ),
]
