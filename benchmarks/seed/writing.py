"""Rows into tables: by COPY from two processes into PostgreSQL, by executemany into SQLite."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg
from psycopg import sql

from benchmarks.seed.progress import Progress
from benchmarks.seed.rows import Plan, Table

PROCESSES = 2
CHUNK = 20_000
FEW = 100_000  # rows: starting processes takes longer than writing them


@dataclass(frozen=True)
class Job:
    """A run of numbers for one table."""

    table: int
    start: int
    stop: int


class Database(Protocol):
    """Where rows go."""

    def write(self, plan: Plan, tables: list[Table], jobs: list[Job]) -> Iterator[int]:
        """Write all jobs; yield how many rows each wrote."""


@dataclass(frozen=True)
class PostgreSQL:
    """`parameters` are psycopg's, as a dict."""

    parameters: dict[str, Any]

    def write(self, plan: Plan, tables: list[Table], jobs: list[Job]) -> Iterator[int]:
        if sum(job.stop - job.start for job in jobs) < FEW:
            _begin(self.parameters, plan, tables)
            yield from map(_copy, jobs)
            return
        context = multiprocessing.get_context("spawn")
        begun = {"initializer": _begin, "initargs": (self.parameters, plan, tables)}
        with ProcessPoolExecutor(PROCESSES, context, **begun) as pool:  # a Pool would wait for ever for one that fails
            yield from pool.map(_copy, jobs)


_database: psycopg.Connection[Any]
_plan: Plan
_tables: list[Table]


def _begin(parameters: dict[str, Any], plan: Plan, tables: list[Table]) -> None:
    """Connect this process, and keep what its jobs are about."""
    global _database, _plan, _tables
    _database, _plan, _tables = psycopg.connect(**parameters, autocommit=True), plan, tables
    _database.execute("SET timezone = 'UTC'")
    _database.execute("SET synchronous_commit = off")  # a seed that is lost is made again; the end is a checkpoint


def _copy(job: Job) -> int:
    table = _tables[job.table]
    columns = sql.SQL(", ").join(map(sql.Identifier, table.columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), columns)
    with _database.cursor() as cursor, cursor.copy(statement) as copy:
        for row in table.rows(_plan, range(job.start, job.stop)):
            copy.write_row(row)
    return job.stop - job.start


@dataclass(frozen=True)
class SQLite:
    """An open connection of Python's own sqlite3."""

    database: Any

    def write(self, plan: Plan, tables: list[Table], jobs: list[Job]) -> Iterator[int]:
        for job in jobs:
            table = tables[job.table]
            columns, marks = ", ".join(table.columns), ", ".join("?" * len(table.columns))
            statement = f"INSERT INTO {table.name} ({columns}) VALUES ({marks})"
            self.database.execute("BEGIN")
            self.database.executemany(statement, table.rows(plan, range(job.start, job.stop)))
            self.database.execute("COMMIT")
            yield job.stop - job.start


def fill(database: Database, plan: Plan, counts: Iterable[tuple[Table, range]], *, label: str) -> None:
    """Write each table's numbers, with a progress bar."""
    pairs = list(counts)
    jobs = [job for place, (_, numbers) in enumerate(pairs) for job in _jobs(place, numbers)]
    progress = Progress(label, sum(len(numbers) for _, numbers in pairs))
    for written in database.write(plan, [table for table, _ in pairs], jobs):
        progress.add(written)
    progress.close()


def _jobs(table: int, numbers: range) -> Iterator[Job]:
    for start in range(numbers.start, numbers.stop, CHUNK):
        yield Job(table, start, min(start + CHUNK, numbers.stop))
