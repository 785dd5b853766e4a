"""Refusals of one kind that grow: the last hour beside the mean hour of the day before it.

Two looks at the steps that were refused: at the last hour along the index of the time, and for the few reasons that
were frequent in it at the day before, along the index of the reasons.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, QuerySet, Sum

from authserver import policy
from authserver.models import Alarm, Client, TraceStep
from authserver.services.alarms.ringing import ring, still
from handles import access

HOUR, DAY_HOURS = timedelta(hours=1), 24
Kind = Alarm.Kind


@dataclass(frozen=True)
class Hour:
    """The refusals of one code in the last hour: how many, and from how many callers."""

    code: str
    count: int
    callers: int


def watch(*, now: datetime) -> int:
    """Ring for each code whose refusals grew, and close the alarms of those that went back; return how many rang.

    It rings from policy.REFUSALS_GROW_FACTOR times the mean hour on, and policy.REFUSALS_GROW_MIN at least. What one
    alarm opened at is kept with it: it is over below half of that, however the mean moved meanwhile.
    """
    hours = {hour.code: hour for hour in _last_hour(now)}
    opened = {alarm.subject: alarm for alarm in Alarm.objects.filter(kind=Kind.REFUSALS_GROW, closed_at=None)}
    for code, alarm in opened.items():
        hour = hours.get(code)
        if (hour.count if hour else 0) * 2 < int(alarm.detail.get("threshold", 0)):
            still(Kind.REFUSALS_GROW, code, now=now)
    frequent = [hour for hour in hours.values() if hour.count >= policy.REFUSALS_GROW_MIN]
    return sum(_ring_if_grown(hour, opened.get(hour.code), now=now) for hour in frequent)


def _ring_if_grown(hour: Hour, opened: Alarm | None, *, now: datetime) -> bool:
    before = _refused(now - HOUR * (DAY_HOURS + 1), now - HOUR).filter(code=hour.code).aggregate(total=Sum("count"))
    usual = (before["total"] or 0) / DAY_HOURS
    threshold = max(policy.REFUSALS_GROW_MIN, round(usual * policy.REFUSALS_GROW_FACTOR))
    if opened:
        threshold = int(opened.detail.get("threshold", threshold))
    if hour.count < threshold:
        return False
    numbers = {"hour": hour.count, "usual": round(usual), "callers": hour.callers, "threshold": threshold}
    ring(Kind.REFUSALS_GROW, hour.code, now=now, **numbers, **_concerned(hour, now=now))
    return True


def _last_hour(now: datetime) -> list[Hour]:
    rows = _refused(now - HOUR, now).exclude(code="").values("code")
    found = rows.annotate(total=Sum("count"), callers=Count("origin", distinct=True)).order_by()
    return [Hour(row["code"], row["total"], row["callers"]) for row in found]


def _refused(since: datetime, until: datetime) -> QuerySet[TraceStep]:
    return TraceStep.objects.filter(ok=False, at__gt=since, at__lte=until)


def _concerned(hour: Hour, *, now: datetime) -> dict[str, str]:
    """Return the client and the handle that half of the refusals or more are about, where we know them: what a stranger
    wrote into a request is named nowhere."""
    client, handle = (_most(hour, name, now=now) for name in ("client_id", "handle"))
    found = {}
    if client and Client.objects.filter(client_id=client).exists():
        found["client"] = client
    if handle and access.find(handle):
        found["handle"] = handle
    return found


def _most(hour: Hour, name: str, *, now: datetime) -> str:
    rows = _refused(now - HOUR, now).filter(code=hour.code).values(name).annotate(total=Sum("count"))
    most = rows.order_by("-total").first()
    return str(most[name]) if most and most["total"] * 2 >= hour.count else ""
