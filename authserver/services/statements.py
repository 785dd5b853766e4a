"""Raw statements, for the few places where the ORM costs more than the database.

What reads with them is written as steps: a generator that yields statements and is sent their rows. Who runs the steps
decides how: `run` here, on this thread's connection, or the door's event loop, which does not wait.
"""

from collections.abc import Generator, Sequence
from typing import Any, NamedTuple, TypeVar

from django.db import connection as database

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
