"""The doctor at night: at every active handle in turn, those first whose reports are the oldest.

A run ends in time and there are several in a night, so that tens of thousands of handles spread over nights. Whatever
fails rings one alarm for each kind of address and cause, however many handles it is true of.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from django.db.models import Count, F, Max, Min, OuterRef, Q, QuerySet, Subquery

from authserver import policy
from authserver.models import Alarm, DoctorReport
from authserver.services import alarms, catalog
from authserver.services.batches import Pace
from authserver.services.endpoints import places, reports, walks
from authserver.services.endpoints.places import Place
from authserver.services.endpoints.walks import GENERIC
from handles.models import Handle


def run(*, now: datetime, pace: Pace) -> int:
    """Walk to what is due until nothing is or the time is over; return how many addresses were walked to."""
    patterns, walked = catalog.platform_addresses(), 0
    reports.forget_gone(now=now, pace=pace)
    for group in _groups(patterns, now):
        if pace.is_over:
            break
        with pace.step():
            _walk(group, now)
        walked += len(group)
    _tell(patterns, now)
    return walked


def _walk(group: list[Place], now: datetime) -> None:
    found = walks.side_by_side(group, profile=GENERIC, seconds=policy.ENDPOINT_NIGHTLY_WALK_SECONDS)
    for place, report in zip(group, found, strict=True):
        reports.keep(place, report, now=now)
    reports.forget_others(group)


def _groups(patterns: Mapping[str, str], now: datetime) -> Iterator[list[Place]]:
    """Yield what is due, so many addresses at a time as are walked to side by side: first the gateway, then handles."""
    gateway = [each for each in places.gateway(patterns) if not _is_fresh(each, now)]
    if gateway:
        yield gateway
    due = _due(patterns, now)
    for start in range(0, len(due), policy.ENDPOINT_NIGHTLY_HANDLES_AT_ONCE):
        some = due[start : start + policy.ENDPOINT_NIGHTLY_HANDLES_AT_ONCE]
        yield [place for handle in some for place in places.platform(patterns, handle)]


def _is_fresh(place: Place, now: datetime) -> bool:
    last = reports.last([place.url]).get(place.url)
    return last is not None and last.at > now - policy.ENDPOINT_REPORT_FRESH


def _due(patterns: Mapping[str, str], now: datetime) -> list[str]:
    """Return the active handles that were not walked to of late: those never walked to, then by age of the report."""
    kinds = [kind for kind in patterns if kind != places.Kind.GATEWAY]
    if not kinds:
        return []
    own = DoctorReport.objects.filter(handle=OuterRef("slug"), kind__in=kinds, profile=GENERIC)
    oldest = own.order_by().values("handle").annotate(oldest=Min("at")).values("oldest")
    active = Handle.objects.filter(status=Handle.Status.ACTIVE).annotate(checked_at=Subquery(oldest))
    due = active.filter(Q(checked_at=None) | Q(checked_at__lte=now - policy.ENDPOINT_REPORT_FRESH))
    oldest_first = due.order_by(F("checked_at").asc(nulls_first=True), "slug")
    return list(oldest_first.values_list("slug", flat=True)[: policy.ENDPOINT_NIGHTLY_HANDLES_MAX])


def _tell(patterns: Mapping[str, str], now: datetime) -> None:
    """Ring for what failed in this run; what fails nowhere any more is over."""
    failing = DoctorReport.objects.filter(ok=False, profile=GENERIC, kind__in=list(patterns))
    causes = failing.order_by().values("kind", "code").annotate(addresses=Count("pk"), last=Max("at"))
    subjects = set()
    for cause in causes:
        subject = f"{patterns[cause['kind']]:.400} {cause['code']}"
        subjects.add(subject)
        if cause["last"] >= now:
            _ring(subject, failing.filter(kind=cause["kind"], code=cause["code"]), cause["addresses"], now)
    rung = Alarm.objects.filter(kind=Alarm.Kind.DOCTOR_FAILED, closed_at=None)
    for subject in set(rung.values_list("subject", flat=True)) - subjects:
        alarms.still(Alarm.Kind.DOCTOR_FAILED, subject, now=now)


def _ring(subject: str, alike: QuerySet[DoctorReport], addresses: int, now: datetime) -> None:
    some = list(alike.order_by("failed_since", "pk")[: policy.ENDPOINT_EXAMPLES])
    alarms.ring(
        Alarm.Kind.DOCTOR_FAILED,
        subject,
        now=now,
        step=some[0].step,
        code=some[0].code,
        addresses=addresses,
        since=f"{some[0].failed_since:%Y-%m-%dT%H:%M:%SZ}",
        examples=[each.url for each in some],
    )
