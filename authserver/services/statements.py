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


def fetch(statement: Statement) -> Rows:
    """Return the rows of a statement, as the database's driver gives them."""
    with database.cursor() as cursor:
        cursor.execute(statement.text, statement.parameters)
        return cursor.fetchall()


def values(rows: int, columns: int) -> str:
    """Return the place-holders of a VALUES list."""
    one = f"({', '.join(['%s'] * columns)})"
    return ", ".join([one] * rows)


def inserting(
    model: type[Model], columns: tuple[str, ...], rows: Sequence[Sequence[Any]], *, unless_equal: str = ""
) -> Statement:
    """Return the statement that inserts these rows, at least one, each with a value for every column; its own rows are
    their primary keys, in no order. `unless_equal` names a unique column: a row whose value there is taken, in the
    table or by one before it, is left out."""
    fields = _fields(model, columns)
    if database.vendor == "postgresql":
        arrays = zip(fields, zip(*rows, strict=True), strict=True)
        return Statement(_insert(model, columns, 0, unless_equal), [_array(field, column) for field, column in arrays])
    text = _insert(model, columns, len(rows), unless_equal)
    stored = [field.get_db_prep_save(value, database) for row in rows for field, value in zip(fields, row, strict=True)]
    return Statement(text, stored)


@lru_cache(maxsize=64)
def _fields(model: type[Model], columns: tuple[str, ...]) -> "list[Field[Any, Any]]":
    return [cast("Field[Any, Any]", model._meta.get_field(name)) for name in columns]


@lru_cache(maxsize=256)
def _insert(model: type[Model], columns: tuple[str, ...], rows: int, unless_equal: str) -> str:
    """Return the text of an insertion. PostgreSQL takes an array for each column: one text for any number of rows, so
    that it can be prepared; `rows` is for the others."""
    fields = _fields(model, columns)
    names = ", ".join(f'"{field.column}"' for field in fields)
    arrays = ", ".join(f"%s::{_type(field)}[]" for field in fields)
    source = f"VALUES {values(rows, len(fields))}" if rows else f"SELECT * FROM unnest({arrays})"  # noqa: S608
    conflict = f'ON CONFLICT ("{unless_equal}") DO NOTHING' if unless_equal else ""
    table, key = model._meta.db_table, cast("Field[Any, Any]", model._meta.pk).column
    return f'INSERT INTO "{table}" ({names}) {source} {conflict} RETURNING "{key}"'  # noqa: S608


def _type(field: "Field[Any, Any]") -> str:
    """Return a column's type without its length: a cast would cut off what is too long, the column itself refuses."""
    return str(field.db_type(database)).partition("(")[0]


def _array(field: "Field[Any, Any]", column: Sequence[Any]) -> list[Any]:
    return [json.dumps(value) for value in column] if isinstance(field, JSONField) else list(column)
