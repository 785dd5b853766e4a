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
TOKENS = "authserver_refreshtoken"
PARTS = 20
COME = f"""
    INSERT INTO measured (id, connection_id, digest, issued_at, expires_at, rotated_agent, answer_seen_at)
    SELECT id, connection_id, digest, issued_at, expires_at, '', answer_seen_at FROM {TOKENS}
     WHERE sealed_successor IS NOT NULL AND id %% %s = %s ORDER BY id"""
# Each in a transaction of its own, as refreshes are: what one replaced makes room for the next.
REPLACE = f"""
    DO $$ DECLARE whole {TOKENS};
    BEGIN
        FOR whole IN SELECT * FROM {TOKENS} WHERE sealed_successor IS NOT NULL AND id % {{}} = {{}} ORDER BY random()
        LOOP
            UPDATE measured SET rotated_at = whole.rotated_at, rotated_address = whole.rotated_address,
                   rotated_agent = whole.rotated_agent, sealed_successor = whole.sealed_successor WHERE id = whole.id;
            COMMIT;
        END LOOP;
    END $$"""
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
                if path == "refresh":
                    compare_refresh_tokens(server)


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


def compare_refresh_tokens(server: Gatehouse) -> None:
    """Print what a live refresh token takes with its indexes, and a replaced one, with the pair that replaced it: those
    of this database, copied to a table like theirs in the order of a life. Each part comes live, is replaced when the
    next has come, and vacuum comes by in between."""
    with _database(server) as database:
        database.execute(f"DROP TABLE IF EXISTS measured; CREATE TABLE measured (LIKE {TOKENS} INCLUDING ALL)")
        database.execute(f"ALTER TABLE measured SET (fillfactor = {_fillfactor(database)})")
        database.execute(f"INSERT INTO measured SELECT * FROM {TOKENS} WHERE rotated_at IS NULL")
        told = f"\na refresh token, table and indexes: live {_each(database):,.0f}"
        database.execute("TRUNCATE measured")
        for part in range(PARTS + 1):
            database.execute(COME, [PARTS, part])
            database.execute(REPLACE.format(PARTS, part - 1))
            database.execute("VACUUM ANALYZE measured")
        print(f"{told}, replaced {_each(database):,.0f}")
        database.execute("DROP TABLE measured")


def _each(database: psycopg.Connection) -> float:
    found = database.execute("SELECT pg_total_relation_size('measured')::float / count(*) FROM measured").fetchone()
    return found[0] if found else 0.0


def _fillfactor(database: psycopg.Connection) -> int:
    sql = "SELECT option_value FROM pg_class, pg_options_to_table(reloptions) WHERE relname = %s"
    found = database.execute(f"{sql} AND option_name = 'fillfactor'", [TOKENS]).fetchone()
    return int(found[0]) if found else 100


def _database(server: Gatehouse) -> psycopg.Connection:
    folder = server.env["DATABASE_URL"].partition("@/")[2].rpartition("/")[0]
    return psycopg.connect(host=folder, user="postgres", dbname="gatehouse", autocommit=True)


def sizes(server: Gatehouse) -> Size:
    with _database(server) as database:
        tables = {name: (table, index) for name, table, index in database.execute(SIZES)}
        [log] = database.execute(LOG).fetchone() or (0,)
    return Size(tables, int(log))


def tell(found: dict[str, tuple[float, float]]) -> None:
    for name, (table, index) in sorted(found.items(), key=lambda each: -sum(each[1])):
        if table + index >= 1:
            print(f"  {name:36}{table:10,.0f}{index:10,.0f}")
