from __future__ import annotations

from tests.postgres import PostgresServer


def test_a_server_runs_and_hands_out_empty_databases(postgres_server: PostgresServer) -> None:
    first, second = postgres_server.create_database(), postgres_server.create_database()
    postgres_server.psql("CREATE TABLE t (a int)", database=first)
    names = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    assert postgres_server.psql(names, database=first) == "1"
    assert postgres_server.psql(names, database=second) == "0"
    postgres_server.drop_database(first)
    assert first not in postgres_server.psql("SELECT datname FROM pg_database").split()
