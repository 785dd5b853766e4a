"""Raw statements, for the few places where the ORM costs more than the database.

What reads with them is written as steps: a generator that yields statements and is sent their rows. Who runs the steps
decides how: `run` here, on this thread's connection, or the door's event loop, which does not wait.
"""

import contextlib
import json
import os
import socket
from collections.abc import Generator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar, cast

import psycopg
from django.db import connection as database
from django.db.models import Field, JSONField, Model

Outcome = TypeVar("Outcome")
Rows = list[tuple[Any, ...]]


class Statement(NamedTuple):
    """A statement of ours and its parameters."""

    text: str
    parameters: Sequence[Any] = ()


Steps = Generator[Statement, Rows, Outcome]


def run(steps: Steps[Outcome]) -> Outcome:
    """Run the steps on this thread's database connection and return what they come to."""
    try:
        statement = next(steps)
        while True:
            statement = steps.send(fetch(statement))
    except StopIteration as end:
        return end.value


BINARY = 1  # psycopg.pq.Format.BINARY


def fetch(statement: Statement) -> Rows:
    """Return the rows of a statement, as the database's driver gives them: in binary form, which takes a tenth of the
    time to read, where the connection can (the door's)."""
    with database.cursor() as cursor:
        if database.settings_dict["OPTIONS"].get("server_side_binding"):
            cursor.cursor.format = BINARY
        cursor.execute(statement.text, statement.parameters)
        return cursor.fetchall()


def time_of(value: Any) -> datetime:
    """Return a stored time; SQLite hands raw statements text."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def execute(statement: Statement) -> None:
    """Run a statement that returns no rows."""
    with database.cursor() as cursor:
        cursor.execute(statement.text, statement.parameters)


def values(rows: int, columns: int) -> str:
    """Return the place-holders of a VALUES list."""
    one = f"({', '.join(['%s'] * columns)})"
    return ", ".join([one] * rows)


def inserting(
    model: type[Model],
    columns: tuple[str, ...],
    rows: Sequence[Sequence[Any]],
    *,
    returning: tuple[str, ...] = ("id",),
    unless_equal: str = "",
) -> Statement:
    """Return the statement that inserts these rows, at least one, each with a value for every column. It gives back the
    columns `returning` of those that were inserted, in no order. `unless_equal` names a unique column: a row whose
    value is taken there is left out."""
    source = table(_fields(model, columns), rows)
    names = ", ".join(f'"{field.column}"' for field in _fields(model, columns))
    conflict = f'ON CONFLICT ("{unless_equal}") DO NOTHING' if unless_equal else ""
    told = ", ".join(f'"{field.column}"' for field in _fields(model, returning))
    text = f'INSERT INTO "{model._meta.db_table}" ({names}) {source.text} {conflict} RETURNING {told}'  # noqa: S608
    return Statement(text, source.parameters)


@lru_cache(maxsize=64)
def _fields(model: type[Model], columns: tuple[str, ...]) -> "list[Field[Any, Any]]":
    return [cast("Field[Any, Any]", model._meta.get_field(name)) for name in columns]


@lru_cache(maxsize=256)
def _type(field: "Field[Any, Any]") -> str:
    """Return a column's type without its length: a cast would cut off what is too long, the column itself refuses."""
    return str(field.db_type(database)).partition("(")[0]


def _array(field: "Field[Any, Any]", column: Sequence[Any]) -> str:
    return array([json.dumps(value) for value in column] if isinstance(field, JSONField) else column)


def array(values: Sequence[Any]) -> str:
    """Return values as PostgreSQL writes an array, for a parameter with a cast (`%s::uuid[]`): one text is written in a
    fraction of the time that the driver takes for a list."""
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def updating(model: type[Model], columns: tuple[str, ...], rows: Sequence[Sequence[Any]]) -> Statement:
    """Return the statement that sets these columns of rows, at least one; the first of each, and of `columns`, is the
    primary key."""
    source = table(_fields(model, columns), rows)
    names = [f'"{field.column}"' for field in _fields(model, columns)]
    changes = ", ".join(f"{name} = new.{name}" for name in names[1:])
    text = f"""
        WITH new ({", ".join(names)}) AS ({source.text})
        UPDATE "{model._meta.db_table}" AS old SET {changes} FROM new WHERE old.{names[0]} = new.{names[0]}"""  # noqa: S608
    return Statement(text, source.parameters)


def table(fields: "Sequence[Field[Any, Any]]", rows: Sequence[Sequence[Any]]) -> Statement:
    """Return these rows, at least one, as a table: a value of each field in each. PostgreSQL takes an array for each
    column: one text for any number of rows, so that it can be prepared."""
    if database.vendor == "postgresql":
        arrays = ", ".join(f"%s::{_type(field)}[]" for field in fields)
        columns = zip(fields, zip(*rows, strict=True), strict=True)
        return Statement(f"SELECT * FROM unnest({arrays})", [_array(field, column) for field, column in columns])  # noqa: S608
    stored = [field.get_db_prep_save(value, database) for row in rows for field, value in zip(fields, row, strict=True)]
    return Statement(f"VALUES {values(len(rows), len(fields))}", stored)


def among(column: str, wanted: Sequence[Any], *, kind: str) -> Statement:
    """Return the condition that a column holds one of these, to be put into a statement. On PostgreSQL, where `kind` is
    the type of the column, its text is the same however many they are."""
    if database.vendor == "postgresql":
        return Statement(f"{column} = ANY(%s::{kind}[])", [array(wanted)])
    return Statement(f"{column} IN ({', '.join(['%s'] * len(wanted))})", list(wanted))


def for_update(table: str, *, waits: bool = True) -> str:
    """Return the clause that locks the rows found of a table; those that somebody else holds are left out, unless it
    `waits`. Nothing on SQLite, where a transaction is alone from its beginning."""
    if database.vendor != "postgresql":
        return ""
    return f"FOR UPDATE OF {table}" + ("" if waits else " SKIP LOCKED")


def hang_up(connection: Any) -> None:
    """Break psycopg's connection to a database that keeps silent: whoever waits for it is told so at once."""
    with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)
