"""Indexes and constraints of large tables: taken away before rows come by the million, put back after."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Run = Callable[[str], list[tuple[Any, ...]]]

POSTGRESQL_CONSTRAINTS = """
    SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid), contype = 'f'
      FROM pg_constraint
     WHERE contype IN ('p', 'u', 'f') AND (conrelid IN ({tables}) OR (confrelid IN ({tables}) AND contype = 'f'))
     ORDER BY contype = 'f', contype <> 'p', 1, 2"""
POSTGRESQL_INDEXES = """
    SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
     WHERE indrelid IN ({tables}) AND indexrelid NOT IN (SELECT conindid FROM pg_constraint WHERE contype IN ('p', 'u'))
     ORDER BY 1"""
# What a column of a table says of itself (UNIQUE) has no statement of its own, and stays.
SQLITE_INDEXES = """
    SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN ({tables})
     ORDER BY name"""


@dataclass(frozen=True)
class Taken:
    """The statements that take them away and put them back, each in the order to run them."""

    drop: tuple[str, ...]
    restore: tuple[str, ...]


def of_postgresql(run: Run, tables: Iterable[str]) -> Taken:
    """What hangs on these tables, and on them from elsewhere. Foreign keys go first and come last."""
    listed = ", ".join(f"'{name}'::regclass" for name in tables)
    keys = run(POSTGRESQL_CONSTRAINTS.format(tables=listed))
    indexes = run(POSTGRESQL_INDEXES.format(tables=listed))
    add = [f"ALTER TABLE {table} ADD CONSTRAINT {name} {text}" for table, name, text, _ in keys]
    drop = [f"ALTER TABLE {table} DROP CONSTRAINT {name}" for table, name, _, _ in keys]
    own = sum(not is_foreign for *_, is_foreign in keys)
    return Taken(
        drop=(*reversed(drop), *(f"DROP INDEX {name}" for name, _ in indexes)),
        restore=(*add[:own], *(text for _, text in indexes), *add[own:]),
    )


def of_sqlite(run: Run, tables: Iterable[str]) -> Taken:
    """The indexes of these tables that were made by a statement of their own."""
    found = run(SQLITE_INDEXES.format(tables=", ".join(f"'{name}'" for name in tables)))
    return Taken(tuple(f'DROP INDEX "{name}"' for name, _ in found), tuple(text for _, text in found))
