"""What administrators see first: a few numbers, each from an index or counted as far as it matters."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.cache import cache
from django.db.models import Count, QuerySet

from authserver import policy
from authserver.models import Alarm, Client, ClientRule, Connection, Event, LedgerState, Notice
from authserver.protocol.governance import Decision
from authserver.services import alarms

DAY, WEEK = timedelta(days=1), timedelta(days=7)
COUNTED = 10_000  # above it the page says "more than"
TOP = 10
TOP_KEY = "dashboard:clients"


@dataclass(frozen=True)
class Number:
    """A count that went no further than COUNTED."""

    value: int

    @property
    def is_more(self) -> bool:
        return self.value > COUNTED

    @property
    def shown(self) -> int:
        return min(self.value, COUNTED)


@dataclass(frozen=True)
class UsedClient:
    """A client and how many live connections it has."""

    pk: int
    name: str
    client_id: str
    connections: int


@dataclass(frozen=True)
class OpenAlarm:
    """An alarm that is not over: what it says, since when, how often it rang; `page` is its own, `about` what for."""

    sentence: str
    since: datetime
    count: int
    page: str
    about: str


@dataclass(frozen=True)
class Dashboard:
    """`failing_mail` was tried and not sent yet, or given up; `ledger_fault` is what the last verification found."""

    alarms: list[OpenAlarm]
    open_alarms: Number
    since: datetime
    new_unverified: Number
    replays_in_day: Number
    replays_in_week: Number
    waiting: Number
    failing_mail: Number
    ledger_fault: str
    clients: list[UsedClient]


def dashboard(*, now: datetime) -> Dashboard:
    """Return the numbers of this moment; those per client are at most policy.DASHBOARD_AGE_MAX old."""
    replays = Event.objects.filter(tag=Event.Tag.REFRESH_REPLAYED)
    rung = Alarm.objects.filter(closed_at=None)
    return Dashboard(
        alarms=[_open(alarm) for alarm in rung.order_by("-last_at")[: policy.ALARMS_SHOWN_MAX]],
        open_alarms=_number(rung),
        since=now - DAY,
        new_unverified=_number(Client.objects.filter(created__gte=now - DAY, is_verified=False)),
        replays_in_day=_number(replays.filter(at__gte=now - DAY)),
        replays_in_week=_number(replays.filter(at__gte=now - WEEK)),
        waiting=_number(ClientRule.objects.filter(decision=Decision.PENDING)),
        failing_mail=_number(Notice.objects.filter(sent_at=None, attempts__gt=0)),
        ledger_fault=LedgerState.objects.get().fault,
        clients=_most_used(),
    )


def _open(alarm: Alarm) -> OpenAlarm:
    places = {"page": alarms.page(alarm), "about": alarms.about(alarm)}
    return OpenAlarm(alarms.sentence(alarm), alarm.opened_at, alarm.count, **places)


def _number(rows: QuerySet) -> Number:
    return Number(rows.order_by()[: COUNTED + 1].count())


def _most_used() -> list[UsedClient]:
    """Counting every connection takes as long as there are many, along one index: so it is done now and then."""
    found: list[UsedClient] | None = cache.get(TOP_KEY)
    if found is None:
        live = Connection.objects.filter(ended_at=None).order_by().values("client")
        counts = dict(live.annotate(count=Count("pk")).order_by("-count").values_list("client", "count")[:TOP])
        rows = Client.objects.filter(pk__in=counts)
        found = [UsedClient(row.pk, row.name, row.client_id, counts[row.pk]) for row in rows]
        found.sort(key=lambda each: -each.connections)
        cache.set(TOP_KEY, found, policy.DASHBOARD_AGE_MAX.total_seconds())
    return found
