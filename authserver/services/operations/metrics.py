"""The figures of /metrics: what the processes of this node counted, and what is counted in the database when somebody
asks, which is the same at every node.

Counters of what lies in removed months of the ledger go down when a month is removed, as after a restart.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.cache import cache
from django.db import InterfaceError, OperationalError
from django.db.models import Count, F, Max
from django.utils import timezone
from prometheus_client import generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from authserver import policy
from authserver.models import Connection, Event, SecurityEvent
from authserver.services.operations import queues
from authserver.services.receipts.outbox import SESSION_REVOKED
from authserver.telemetry import node

Tag = Event.Tag
DAY = timedelta(days=1)
LATENCIES_MAX = 20_000  # the newest of the day: what one answer may cost has a bound
CACHE_KEY = "metrics:text"


def text() -> bytes:
    """Return the figures in Prometheus' text format: those of the database, which all nodes share, at most
    policy.METRICS_AGE_MAX_SECONDS old, and those of this node."""
    return _of_database() + generate_latest(NodeFigures())  # type: ignore[arg-type]  # all it asks for is collect()


def _of_database() -> bytes:
    """Return what all nodes tell alike; nothing while there is no database, when a node's own figures matter most."""
    kept: bytes | None = cache.get(CACHE_KEY)
    if kept is None:
        try:
            kept = generate_latest(Figures(timezone.now()))  # type: ignore[arg-type]
        except (OperationalError, InterfaceError):
            return b""
        cache.set(CACHE_KEY, kept, policy.METRICS_AGE_MAX_SECONDS)
    return kept


class NodeFigures:
    def collect(self) -> Iterator[Metric]:
        yield queues.checks()
        yield from node.metrics()


@dataclass(frozen=True)
class Figures:
    now: datetime

    def collect(self) -> Iterator[Metric]:
        yield _revocation_latency(self.now)
        yield _connections_live()
        yield _connections_ended()
        yield _replays()
        yield _ended_by_race()
        yield _security_events()
        yield from queues.figures(self.now)


def _revocation_latency(now: datetime) -> Metric:
    """From the act to the last acknowledgement of it, over a day."""
    heard = SecurityEvent.objects.filter(
        created_at__gt=now - DAY, acknowledged_at__isnull=False, claims__events__has_key=SESSION_REVOKED
    )
    slowest = heard.values("event_id").annotate(took=Max(F("acknowledged_at") - F("created_at")))
    rows = slowest.order_by("-event_id").values_list("took", flat=True)[:LATENCIES_MAX]
    seconds = sorted(took.total_seconds() for took in rows)
    name = "gatehouse_revocation_latency_seconds"
    family = Metric(name, "From a revocation to its last acknowledgement, over 24 hours.", "summary")
    for quantile in (0.5, 0.99):
        at = min(int(len(seconds) * quantile), len(seconds) - 1)
        family.add_sample(name, {"quantile": str(quantile)}, seconds[at] if seconds else float("nan"))
    family.add_sample(f"{name}_count", {}, len(seconds))
    family.add_sample(f"{name}_sum", {}, sum(seconds))
    return family


def _connections_live() -> Metric:
    live = Connection.objects.filter(ended_at=None).count()
    return GaugeMetricFamily("gatehouse_connections_live", "Connections that have not ended.", value=live)


def _connections_ended() -> Metric:
    family = CounterMetricFamily("gatehouse_connections_ended", "Connections that ended, by reason.", labels=["reason"])
    ended = Connection.objects.filter(ended_at__isnull=False).order_by().values_list("end_reason")
    counts = dict(ended.annotate(count=Count("pk")))
    for reason in Connection.EndReason.values:
        family.add_metric([reason], counts.get(reason, 0))
    return family


def _replays() -> Metric:
    family = CounterMetricFamily(
        "gatehouse_refresh_replays", "Refresh tokens that came again after the leeway.", labels=["verdict"]
    )
    for verdict, tag in (("late", Tag.REFRESH_LATE), ("theft", Tag.REFRESH_REPLAYED)):
        family.add_metric([verdict], Event.objects.filter(tag=tag).count())
    return family


def _ended_by_race() -> Metric:
    """Verdicts of theft on what came from the client's own address and program: races, not thieves."""
    thefts = Event.objects.filter(tag=Tag.REFRESH_REPLAYED).values_list("detail", flat=True)
    count = sum({"address:same", "agent:same"} <= set(detail.get("reasons", ())) for detail in thefts.iterator())
    return CounterMetricFamily(
        "gatehouse_connections_ended_by_race", "Connections that a race ended. Anything but 0 is a fault.", value=count
    )


def _security_events() -> Metric:
    family = GaugeMetricFamily("gatehouse_security_events", "Security events of the last days.", labels=["state"])
    rows = SecurityEvent.objects.aggregate(
        all=Count("pk"), acknowledged=Count("acknowledged_at"), abandoned=Count("abandoned_at")
    )
    family.add_metric(["waiting"], rows["all"] - rows["acknowledged"] - rows["abandoned"])
    family.add_metric(["acknowledged"], rows["acknowledged"])
    family.add_metric(["abandoned"], rows["abandoned"])
    return family
