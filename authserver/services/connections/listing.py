"""The live connections of one handle, everybody's: searched, filtered, a page at a time by key. Reads only, the same
number of queries however many there are."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import Count, DateTimeField, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from authserver import policy
from authserver.models import ClientPolicy, Connection
from authserver.protocol import governance, scopes
from authserver.protocol.governance import Entry
from authserver.services import catalog
from authserver.services.governance import verdicts
from handles import access
from handles.models import Handle
from handles.roles import Role

NEVER = datetime(1970, 1, 1, tzinfo=UTC)  # where a time is wanted of what was never used
MICROSECOND = timedelta(microseconds=1)
CURSOR_LENGTH_MAX = 60
# The orders of the list: by which time, and whether its latest comes first.
ORDERS = {"newest": ("created_at", True), "oldest": ("created_at", False), "used": ("used", True),
          "unused": ("used", False)}  # fmt: skip
LIVE, PAUSED, UNUSED = "live", "paused", "unused"
STATUSES = (LIVE, PAUSED, UNUSED)


@dataclass(frozen=True)
class Wanted:
    """Which connections of a handle: those that fit all that is set."""

    text: str = ""
    entry: Entry | None = None
    person_id: UUID | None = None
    status: str = ""

    def at(self, handle: Handle, *, now: datetime) -> QuerySet[Connection]:
        """Return the live connections of this handle that fit."""
        rows = Connection.objects.filter(handle=handle, ended_at=None)
        if self.entry:
            rows = rows.filter(**{f"client__{name}": value for name, value in verdicts.clients_of(self.entry).items()})
        if self.person_id:
            rows = rows.filter(user=self.person_id)
        if self.text:
            rows = rows.filter(
                Q(user__email__icontains=self.text)
                | Q(user__name__icontains=self.text)
                | Q(client__name__icontains=self.text)
                | Q(client__client_id=self.text)
            )
        return rows.filter(_of_status(self.status, now=now))


@dataclass(frozen=True)
class Counts:
    """How much is connected to a handle now."""

    connections: int
    people: int
    paused: int


def counts_at(handle: Handle) -> Counts:
    rows = Connection.objects.filter(handle=handle, ended_at=None)
    return Counts(
        **rows.aggregate(connections=Count("pk"), people=Count("user", distinct=True), paused=Count("paused_at"))
    )


def _of_status(status: str, *, now: datetime) -> Q:
    return {
        "": Q(),
        LIVE: Q(paused_at=None),
        PAUSED: Q(paused_at__isnull=False),
        UNUSED: Q(last_used_at__lt=now - policy.UNUSED_BADGE_AFTER)
        | Q(last_used_at=None, created_at__lt=now - policy.UNUSED_BADGE_AFTER),
    }.get(status, Q(pk__in=[]))


@dataclass(frozen=True)
class Place:
    """Where a page ends: the time it is ordered by and the id of its last row."""

    at: datetime
    id: UUID

    def __str__(self) -> str:
        return f"{(self.at - NEVER) // MICROSECOND}.{self.id.hex}"

    @classmethod
    def parse(cls, text: str) -> "Place | None":
        """Return the place that a page's address names, or None where it names none."""
        number, _, key = text[:CURSOR_LENGTH_MAX].partition(".")
        try:
            return cls(NEVER + int(number) * MICROSECOND, UUID(hex=key))
        except (ValueError, OverflowError):
            return None


@dataclass(frozen=True)
class Listed:
    """One connection as the admins of its handle see it. `role` is the person's here now, `worth` the scopes that
    hold now, `obstacle` why it is refused although it is not paused."""

    connection: Connection
    role: Role | None
    worth: tuple[str, ...]
    obstacle: str = ""


@dataclass(frozen=True)
class Page:
    rows: tuple[Listed, ...]
    next: Place | None


def page(rows: QuerySet[Connection], handle: Handle, *, order: str, after: Place | None) -> Page:
    """Return the page of these connections of one handle that follows a place; policy.CONNECTIONS_PAGE to a page."""
    field, descends = ORDERS[order]
    rows = rows.annotate(used=Coalesce("last_used_at", Value(NEVER, output_field=DateTimeField())))
    if after:
        step = "lt" if descends else "gt"
        rows = rows.filter(Q(**{f"{field}__{step}": after.at}) | Q(**{field: after.at, f"id__{step}": after.id}))
    sign = "-" if descends else ""
    rows = rows.select_related("user", "client", "protected_resource").order_by(f"{sign}{field}", f"{sign}id")
    found = list(rows[: policy.CONNECTIONS_PAGE + 1])
    shown = found[: policy.CONNECTIONS_PAGE]
    last = shown[-1] if len(found) > len(shown) else None
    return Page(tuple(described(shown, handle)), Place(getattr(last, field), last.pk) if last else None)


def described(rows: Iterable[Connection], handle: Handle) -> list[Listed]:
    """Return how each of these connections of one handle stands now."""
    rows = list(rows)
    roles = access.roles_of(handle, [row.user for row in rows])
    known, words = catalog.current(), verdicts.words_of(handle)
    mode = ClientPolicy.objects.filter(handle=handle).values_list("mode", flat=True).first()
    listed = []
    for row in rows:
        role = roles.get(row.user_id)
        one = Listed(row, role, tuple(scopes.allowed_to(role, row.scope_list, known)))
        verdict = governance.verdict_on(verdicts.facts_of(row.client), mode=mode, words=words)
        listed.append(replace(one, obstacle=_obstacle(one, lets_in=verdict.lets_in)))
    return listed


def _obstacle(one: Listed, *, lets_in: bool) -> str:
    """Return why a connection is refused now, as a sentence, or nothing."""
    row = one.connection
    if not row.user.is_active:
        return "This person's account is closed."
    if one.role is None:
        return "This person is no member any more."
    if not row.client.is_active:
        return "The people who run this server blocked this app."
    if not row.protected_resource.is_active:
        return "Its MCP server is withdrawn."
    return "" if lets_in else "Your handle does not let this app in."
