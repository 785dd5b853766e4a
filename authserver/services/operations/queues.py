"""What waits, for how long, and what is not as it should be: the figures that somebody is woken for."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.db.models import Count, Max, Min, QuerySet
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

from authserver import policy
from authserver.models import Alarm, AlarmTelling, LedgerLink, Notice, SecurityEvent, ToolCall
from authserver.services.ledger import reading
from authserver.services.operations import readiness, runs
from authserver.telemetry import counts

PURGED_KEY = "metrics:purged"
BROKER_SECONDS = 1.0


def figures(now: datetime) -> Iterator[Metric]:
    """Return the figures that every node tells alike."""
    yield _ages(now)
    yield _alarms()
    yield from runs.figures(now)
    if not settings.CELERY_TASK_ALWAYS_EAGER:
        yield _purged()
        yield from _broker()


def _oldest(rows: QuerySet[Any], name: str) -> datetime | None:
    return rows.order_by().aggregate(oldest=Min(name))["oldest"]


def _notices() -> datetime | None:
    return _oldest(Notice.objects.filter(sent_at=None, attempts__lt=policy.NOTICE_ATTEMPTS_MAX), "created_at")


def _security_events() -> datetime | None:
    return _oldest(SecurityEvent.objects.filter(acknowledged_at=None, abandoned_at=None), "created_at")


def _ledger() -> datetime | None:
    highest = LedgerLink.objects.aggregate(highest=Max("event_id"))["highest"]
    waiting = reading.unlinked(after=None if highest is None else highest - policy.LEDGER_LOOK_BACK)
    return waiting.order_by("id").values_list("at", flat=True).first()


def _reports() -> datetime | None:
    return _oldest(ToolCall.objects.all(), "at")


def _tellings() -> datetime | None:
    return _oldest(AlarmTelling.objects.filter(sent_at=None), "created_at")


QUEUES: dict[str, Callable[[], datetime | None]] = {
    "notices": _notices,
    "security_events": _security_events,
    "ledger": _ledger,
    "reports": _reports,
    "alarms": _tellings,
}


def _ages(now: datetime) -> Metric:
    family = GaugeMetricFamily(
        "gatehouse_queue_age_seconds", "For how long the oldest that waits has waited; 0 for none.", labels=["queue"]
    )
    for name, oldest_of in QUEUES.items():
        oldest = oldest_of()
        family.add_metric([name], max(0.0, (now - oldest).total_seconds()) if oldest else 0.0)
    return family


def _alarms() -> Metric:
    family = GaugeMetricFamily("gatehouse_alarms_open", "Alarms that nobody closed.", labels=["kind"])
    found = dict(Alarm.objects.filter(closed_at=None).order_by().values_list("kind").annotate(count=Count("pk")))
    for kind in Alarm.Kind.values:
        family.add_metric([kind], found.get(kind, 0))
    return family


def checks() -> Metric:
    """Return how this node is."""
    family = GaugeMetricFamily("gatehouse_check_ok", "What /readyz says of this node: 1 for ok.", labels=["check"])
    for name, found in readiness.look().checks.items():
        family.add_metric([name], found == readiness.OK)
    return family


# --- What workers do, who have no /metrics of their own


def note_purged(rows: int) -> None:
    """Count rows that were removed: in this process where it serves too, in the shared cache where a worker does it."""
    if settings.CELERY_TASK_ALWAYS_EAGER:
        counts.PURGED.add(by=rows)
        return
    cache.add(PURGED_KEY, 0, None)
    cache.incr(PURGED_KEY, rows)


def _purged() -> Metric:
    return CounterMetricFamily(
        counts.PURGED.name, counts.PURGED.about, value=cache.get(PURGED_KEY, 0)
    )  # counted anew where the cache was emptied, as after a restart


def _broker() -> Iterator[Metric]:
    """How many tasks wait in the broker; nothing where it cannot be asked, which an alert notices."""
    if not settings.CELERY_BROKER_URL.startswith(("redis://", "rediss://")):
        return
    try:
        with current_app.connection(connect_timeout=BROKER_SECONDS) as broker:
            length = broker.default_channel.client.llen(current_app.conf.task_default_queue)
    except Exception:  # whatever its library raises
        return
    yield GaugeMetricFamily("gatehouse_broker_tasks", "Tasks that wait for a worker.", value=length)
