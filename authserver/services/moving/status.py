"""How far a move is: who still comes by a name of before, and who would be cut off by closing it.

Read from the live connections, each of which knows by which issuer its client last got credentials, and for which
address it was made. There is no index for it: it is asked by hand, a few times in the months of a move.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Max, Q, QuerySet

from authserver import policy
from authserver.models import Connection, EventStream
from authserver.protocol import resources
from authserver.services import catalog

Kind = catalog.Kind
WEEK, MONTH = timedelta(days=7), timedelta(days=30)


@dataclass(frozen=True)
class Left:
    """What one client still has by a former name: its live connections, of how many people, how many of them were used
    within a week and a month, and when the last one was."""

    client_id: str
    client_name: str
    connections: int
    people: int
    used_in_week: int
    used_in_month: int
    last_used_at: datetime | None


@dataclass(frozen=True)
class Former:
    """A name of before, what stands in its place today, the MCP address to give to people, and who comes by it. Beside
    connections, resource servers may hold `streams` of security events by it."""

    what: str
    name: str
    today: str
    url: str
    left: tuple[Left, ...]
    streams: int = 0

    @property
    def used_in_month(self) -> int:
        return sum(each.used_in_month for each in self.left)


def formers(*, now: datetime) -> list[Former]:
    """Return every name of before that the settings still serve."""
    return [_issuer(issuer, now) for issuer in settings.FORMER_ISSUERS] + [
        _address(kind, former, today, now) for kind, (today, before) in _addresses().items() for former in before
    ]


def unknown(*, now: datetime) -> int:
    """Return how many connections that were used within a month have not come for credentials since their issuer is
    noted: nobody knows yet by which name they come."""
    return _live().filter(_used_since(now - MONTH), last_issuer="").count()


def idle_issuers(*, now: datetime) -> list[str]:
    """Return the former issuers that nobody used for policy.FORMER_NAME_IDLE, as far as is known."""
    lately = _live().filter(_used_since(now - policy.FORMER_NAME_IDLE))
    return [issuer for issuer in settings.FORMER_ISSUERS if not lately.filter(last_issuer__in=[issuer, ""]).exists()]


def _addresses() -> dict[Kind, tuple[str, list[str]]]:
    return {
        Kind.GATEWAY: (settings.GATEWAY_URL, settings.FORMER_GATEWAY_URLS),
        Kind.HOSTED: (settings.HOSTED_URL, settings.FORMER_HOSTED_URLS),
        Kind.COMPATIBILITY: (settings.COMPAT_URL, settings.FORMER_COMPAT_URLS),
    }


def _issuer(issuer: str, now: datetime) -> Former:
    streams = EventStream.objects.filter(issuer=issuer).exclude(status=EventStream.Status.ENDED)
    left = _left(_live().filter(last_issuer=issuer), now)
    return Former("issuer", issuer, settings.ISSUER, settings.GATEWAY_URL, left, streams.count())


def _address(kind: Kind, former: str, today: str, now: datetime) -> Former:
    before, _, after = former.partition(resources.PLACEHOLDER)
    spelled = Q(resource__startswith=before, resource__endswith=after) if after else Q(resource=former)
    return Former(kind.value, former, today, today, _left(_live().filter(spelled, protected_resource__kind=kind), now))


def _live() -> QuerySet[Connection]:
    return Connection.objects.filter(ended_at=None)


def _used_since(moment: datetime) -> Q:
    """Return the condition of use; an approval that was not used yet is one."""
    return Q(last_used_at__gte=moment) | Q(last_used_at=None, approved_at__gte=moment)


def _left(rows: QuerySet[Connection], now: datetime) -> tuple[Left, ...]:
    grouped = rows.values_list("client__client_id", "client__name").annotate(
        connections=Count("pk"),
        people=Count("user_id", distinct=True),
        used_in_week=Count("pk", filter=_used_since(now - WEEK)),
        used_in_month=Count("pk", filter=_used_since(now - MONTH)),
        latest=Max("last_used_at"),
    )
    found = [Left(*row) for row in grouped.order_by()]
    return tuple(sorted(found, key=lambda each: (-each.used_in_month, -each.connections, each.client_id)))
