"""Who used what at a handle: calls per app, person and tool, the most used first. For its admins' page."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date
from typing import Any

from django.db import connection as database

from accounts.models import User
from authserver import policy
from authserver.models import Client, Connection, ConnectionUse, ToolCall, ToolUse
from authserver.services.usage.figures import midnight
from handles.models import Handle

# What may be grouped by: the key of a group, and what it is called. Registrations of one product are one app.
GROUPS = {
    "app": ("COALESCE(NULLIF(client.fingerprint, ''), client.client_id)", "MIN(client.name)"),
    "person": ("person.email", "MIN(person.email)"),
    "tool": ("used.tool", "MIN(used.tool)"),
}


@dataclass(frozen=True)
class Line:
    """Calls of one group; what was not grouped by is empty. `asked` counts the resource servers' questions, which is
    all that is known where they report no calls."""

    app: str = ""
    person: str = ""
    tool: str = ""
    allowed: int = 0
    missing: int = 0
    limited: int = 0
    asked: int = 0

    @property
    def calls(self) -> int:
        return self.allowed + self.missing + self.limited


def lines(handle: Handle, first: date, *, by: tuple[str, ...], limit: int, offset: int = 0) -> list[Line]:
    """Return the calls at a handle since this day (UTC), grouped by `by` (of GROUPS), calls not added up yet among
    them."""
    key = Connection._meta.get_field("handle").get_db_prep_value(handle.pk, database)
    day = Connection._meta.get_field("created_at").get_db_prep_value(midnight(first), database)
    first_day = ToolUse._meta.get_field("day").get_db_prep_value(first, database)
    # Without a tool there is nothing to say about questions: they name none.
    parameters = [key, first_day, key, day, key, first_day, "tool" not in by, limit, offset]
    with database.cursor() as cursor:
        cursor.execute(_statement(by), parameters)
        return [_line(by, row) for row in cursor.fetchall()]


def _line(by: tuple[str, ...], row: tuple[Any, ...]) -> Line:
    names, counts = row[: len(by)], row[len(by) :]
    allowed, missing, limited, asked = (int(count) for count in counts)
    told = dict(zip(by, names, strict=True))
    return Line(**told, allowed=allowed, missing=missing, limited=limited, asked=asked)


def _statement(by: tuple[str, ...]) -> str:
    table = {model.__name__: model._meta.db_table for model in (
        Client, Connection, ConnectionUse, ToolCall, ToolUse, User,
    )}  # fmt: skip
    shown = ", ".join(GROUPS[name][1] for name in by)
    keys = ", ".join(GROUPS[name][0] for name in by)
    here = f"connection_id IN (SELECT id FROM {table['Connection']} WHERE handle_id = %s)"  # noqa: S608
    sums = ", ".join(f"SUM(CASE WHEN outcome = '{outcome}' THEN count ELSE 0 END)" for outcome in OUTCOMES)
    return f"""
        SELECT {shown}, {sums}
          FROM (SELECT connection_id, tool, outcome, count FROM {table["ToolUse"]} WHERE {here} AND day >= %s
                UNION ALL
                SELECT connection_id, tool, outcome, count FROM {table["ToolCall"]} WHERE {here} AND at >= %s
                UNION ALL
                SELECT connection_id, '', 'asked', introspections FROM {table["ConnectionUse"]}
                 WHERE {here} AND day >= %s AND %s) used
          JOIN {table["Connection"]} c ON c.id = used.connection_id
          JOIN {table["Client"]} client ON client.id = c.client_id
          JOIN {table["User"]} person ON person.id = c.user_id
         GROUP BY {keys}
         ORDER BY SUM(CASE WHEN outcome = 'asked' THEN 0 ELSE count END) DESC, SUM(count) DESC, {keys}
         LIMIT %s OFFSET %s"""  # noqa: S608  (names of our own models and of GROUPS)


OUTCOMES = ("allowed", "insufficient_scope", "limited", "asked")
HEADINGS = ("day", "app", "client_id", "person", "tool", "scopes", "outcome", "calls")


def rows(handle: Handle, first: date) -> Iterator[tuple[object, ...]]:
    """Yield, in the order of HEADINGS, what was called at a handle since this day, newest first: at most
    policy.USAGE_EXPORT_ROWS_MAX rows. A day's calls may come as several rows while they are being added up."""
    who = ("connection__client__name", "connection__client__client_id", "connection__user__email")
    what = ("tool", "scopes", "outcome", "count")
    left = policy.USAGE_EXPORT_ROWS_MAX
    new = ToolCall.objects.filter(connection__handle=handle, at__gte=midnight(first)).order_by("-at")
    for at, *rest in new.values_list("at", *who, *what)[:left]:
        left -= 1
        yield (at.astimezone(UTC).date(), *rest)
    old = ToolUse.objects.filter(connection__handle=handle, day__gte=first).order_by("-day", "pk")
    yield from old.values_list("day", *who, *what)[:left]
