"""Adding to rows that count per day: one statement for many rows, whoever else adds at the same moment."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from django.db import models

from authserver.models import Connection
from authserver.services import statements
from authserver.services.statements import Statement

BATCH = 500
COUNT_MAX = 2_147_483_647  # what the columns hold: a server that reports nonsense must not stop the others' roll-up


def add(model: type[models.Model], names: tuple[str, ...], counts: Mapping[Any, int]) -> None:
    """Add these counts to the rows of their keys (tuples), and make the rows that are missing.

    `names` are the fields of a key, `connection` first, then the one that counts. What belongs to a connection that is
    gone is passed over. Units: a count stays at COUNT_MAX once it is there.
    """
    fields: list[Any] = [model._meta.get_field(name) for name in names]
    columns = [field.column for field in fields]
    entries = iter(sorted(counts.items()))  # in one order, so that two who add at once wait, and never for each other
    while batch := list(islice(entries, BATCH)):
        news = statements.table(fields, [(*key, min(count, COUNT_MAX)) for key, count in batch])
        statements.execute(Statement(_statement(model, columns, news.text), news.parameters))


def _statement(model: type[models.Model], columns: list[str], news: str) -> str:
    table, connections = model._meta.db_table, Connection._meta.db_table
    *keys, counted = columns
    # ORDER BY: in the order of the keys again. WHERE: without one SQLite takes ON CONFLICT for the condition of a join.
    # CASE: the sum itself might not fit.
    return f"""
        WITH news ({", ".join(columns)}) AS ({news})
        INSERT INTO {table} AS old ({", ".join(columns)})
        SELECT {", ".join(f"news.{column}" for column in columns)}
          FROM news JOIN {connections} ON {connections}.id = news.connection_id
         WHERE TRUE
         ORDER BY {", ".join(f"news.{key}" for key in keys)}
            ON CONFLICT ({", ".join(keys)}) DO UPDATE
           SET {counted} = CASE WHEN old.{counted} > {COUNT_MAX} - EXCLUDED.{counted} THEN {COUNT_MAX}
                                ELSE old.{counted} + EXCLUDED.{counted} END"""  # noqa: S608  (names of our own models)
