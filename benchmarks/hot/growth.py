"""`./dev bench growth`: what a connection takes in PostgreSQL, and what each operation adds to it."""

from __future__ import annotations

import time
from dataclasses import dataclass

import psycopg

from benchmarks.hot import common
from benchmarks.ours import DATABASES, Gatehouse

PATHS = ("refresh", "code", "introspection", "registration")
CODES = 60_000
MARKS_SECONDS = 12.0  # within which uses are written down
SIZES = """
    SELECT relname, pg_relation_size(oid), pg_indexes_size(oid) FROM pg_class
     WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"""
LOG = "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"


@dataclass(frozen=True)
class Size:
    """Bytes of a table and of all of its indexes, by table, and of the write-ahead log so far."""

    tables: dict[str, tuple[int, int]]
    log: int


def main(arguments: list[str]) -> None:
    """Print bytes per connection at rest, then per operation of each path."""
    options = common.parser("growth", sizes="1000000", rounds=1, seconds=15.0).parse_args(arguments)
    with common.up("postgresql", options) as servers:
        for count, server in servers.items():
            print(f"\n{DATABASES['postgresql']}, {count:,} connections: bytes per connection, in table and indexes")
            tell({name: (table / count, index / count) for name, (table, index) in sizes(server).tables.items()})
            for path in PATHS:
                measure(server, path, options.seconds)


def measure(server: Gatehouse, path: str, seconds: float) -> None:
    target = server.target(path, CODES)
    before = sizes(server)
    result = common.load(server, target, seconds)
    time.sleep(MARKS_SECONDS)
    after = sizes(server)
    count = max(result.answered, 1)
    print(f"\n{path}: bytes per operation over {result.answered:,}; log {(after.log - before.log) / count:,.0f}")
    grown = {name: (before.tables.get(name, (0, 0)), both) for name, both in after.tables.items()}
    tell({name: ((new[0] - old[0]) / count, (new[1] - old[1]) / count) for name, (old, new) in grown.items()})


def sizes(server: Gatehouse) -> Size:
    folder = server.env["DATABASE_URL"].partition("@/")[2].rpartition("/")[0]
    with psycopg.connect(host=folder, user="postgres", dbname="gatehouse") as database:
        tables = {name: (table, index) for name, table, index in database.execute(SIZES)}
        [log] = database.execute(LOG).fetchone() or (0,)
    return Size(tables, int(log))


def tell(found: dict[str, tuple[float, float]]) -> None:
    for name, (table, index) in sorted(found.items(), key=lambda each: -sum(each[1])):
        if table + index >= 1:
            print(f"  {name:36}{table:10,.0f}{index:10,.0f}")
