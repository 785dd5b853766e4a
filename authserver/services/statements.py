"""Raw statements, for the few places where the ORM costs more than the database.

What reads with them is written as steps: a generator that yields statements and is sent their rows. Who runs the steps
decides how: `run` here, on this thread's connection, or the door's event loop, which does not wait.
"""

import json
from collections.abc import Generator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar, cast

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
    unless_equal: str = "",
    known_by: str = "",
) -> Statement:
    """Return the statement that inserts these rows, at least one, each with a value for every column.

    Its own rows are their primary keys, in no order, and beside each the value of the column `known_by`.
    `unless_equal` names a unique column: a row whose value there is taken, in the table or by one before it, is left
    out.
    """
    fields = _fields(model, columns)
    if database.vendor == "postgresql":
        arrays = zip(fields, zip(*rows, strict=True), strict=True)
        text = _insert(model, columns, 0, unless_equal, known_by)
        return Statement(text, [_array(field, column) for field, column in arrays])
    text = _insert(model, columns, len(rows), unless_equal, known_by)
    stored = [field.get_db_prep_save(value, database) for row in rows for field, value in zip(fields, row, strict=True)]
    return Statement(text, stored)


@lru_cache(maxsize=64)
def _fields(model: type[Model], columns: tuple[str, ...]) -> "list[Field[Any, Any]]":
    return [cast("Field[Any, Any]", model._meta.get_field(name)) for name in columns]


@lru_cache(maxsize=256)
def _insert(model: type[Model], columns: tuple[str, ...], rows: int, unless_equal: str, known_by: str) -> str:
    """Return the text of an insertion. PostgreSQL takes an array for each column: one text for any number of rows, so
    that it can be prepared; `rows` is for the others."""
    fields = _fields(model, columns)
    names = ", ".join(f'"{field.column}"' for field in fields)
    arrays = ", ".join(f"%s::{_type(field)}[]" for field in fields)
    source = f"VALUES {values(rows, len(fields))}" if rows else f"SELECT * FROM unnest({arrays})"  # noqa: S608
    conflict = f'ON CONFLICT ("{unless_equal}") DO NOTHING' if unless_equal else ""
    table, key = model._meta.db_table, cast("Field[Any, Any]", model._meta.pk).column
    returned = f'"{key}", "{known_by}"' if known_by else f'"{key}"'
    return f'INSERT INTO "{table}" ({names}) {source} {conflict} RETURNING {returned}'  # noqa: S608


def _type(field: "Field[Any, Any]") -> str:
    """Return a column's type without its length: a cast would cut off what is too long, the column itself refuses."""
    return str(field.db_type(database)).partition("(")[0]


def _array(field: "Field[Any, Any]", column: Sequence[Any]) -> list[Any]:
    return [json.dumps(value) for value in column] if isinstance(field, JSONField) else list(column)


def updating(model: type[Model], columns: tuple[str, ...], rows: Sequence[Sequence[Any]]) -> Statement:
    """Return the statement that sets these columns of rows, at least one; the first of each, and of `columns`, is the
    primary key."""
    fields = _fields(model, columns)
    if database.vendor == "postgresql":
        arrays = zip(fields, zip(*rows, strict=True), strict=True)
        return Statement(_update(model, columns, 0), [_array(field, column) for field, column in arrays])
    stored = [field.get_db_prep_save(value, database) for row in rows for field, value in zip(fields, row, strict=True)]
    return Statement(_update(model, columns, len(rows)), stored)


@lru_cache(maxsize=256)
def _update(model: type[Model], columns: tuple[str, ...], rows: int) -> str:
    """Return the text of an update, as `_insert` does. PostgreSQL takes it in this form and SQLite too."""
    fields = _fields(model, columns)
    names = [f'"{field.column}"' for field in fields]
    arrays = ", ".join(f"%s::{_type(field)}[]" for field in fields)
    source = f"VALUES {values(rows, len(fields))}" if rows else f"SELECT * FROM unnest({arrays})"  # noqa: S608
    changes = ", ".join(f"{name} = new.{name}" for name in names[1:])
    return f"""
        WITH new ({", ".join(names)}) AS ({source})
        UPDATE "{model._meta.db_table}" AS old SET {changes} FROM new WHERE old.{names[0]} = new.{names[0]}"""  # noqa: S608


def among(column: str, wanted: Sequence[Any]) -> Statement:
    """Return the condition that a column holds one of these, to be put into a statement. On PostgreSQL its text is the
    same however many they are."""
    if database.vendor == "postgresql":
        return Statement(f"{column} = ANY(%s)", [list(wanted)])
    return Statement(f"{column} IN ({', '.join(['%s'] * len(wanted))})", list(wanted))


def for_update(table: str, *, waits: bool = True) -> str:
    """Return the clause that locks the rows found of a table; those that somebody else holds are left out, unless it
    `waits`. Nothing on SQLite, where a transaction is alone from its beginning."""
    if database.vendor != "postgresql":
        return ""
    return f"FOR UPDATE OF {table}" + ("" if waits else " SKIP LOCKED")
