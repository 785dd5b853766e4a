"""The last report of the doctor for each address and kind of client: a row, so that it tells since when something
fails, whatever restarts."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import transaction

from authserver import policy
from authserver.models import DoctorReport
from authserver.services import batches, catalog
from authserver.services.batches import Pace
from authserver.services.endpoints.places import Place
from authserver.services.endpoints.walks import GENERIC
from gatehouse.doctor.report import Report, Step
from handles.models import Handle


@transaction.atomic
def keep(place: Place, report: Report, *, now: datetime) -> DoctorReport:
    """Keep this report in place of the one before; `failed_since` stays while it goes on failing."""
    which: dict[str, Any] = {"url": place.url, "profile": report.profile}
    since = DoctorReport.objects.filter(**which).values_list("failed_since", flat=True).first()
    first = report.first_failure
    found = {
        "handle": place.handle,
        "kind": place.kind,
        "at": now,
        "ok": report.ok,
        "failed_since": None if report.ok else since or now,
        "step": first.name if first else "",
        "code": first.finding.code if first and first.finding else "",
        "steps": [_plain(step) for step in report.steps],
    }
    return DoctorReport.objects.update_or_create(**which, defaults=found)[0]


def _plain(step: Step) -> dict[str, Any]:
    """Return a step as it is kept: codes and their facts, put into words when somebody reads them."""
    found = [{"code": each.code, "facts": dict(each.facts)} for each in step.findings]
    return {"name": step.name, "outcome": step.outcome.value, "sent": step.sent, "got": step.got, "findings": found}


def last(urls: Collection[str], *, profile: str = GENERIC) -> dict[str, DoctorReport]:
    """Return the last reports of these addresses, by URL; those that were never checked are left out."""
    return {row.url: row for row in DoctorReport.objects.filter(url__in=urls, profile=profile)}


def forget_others(places: Collection[Place]) -> None:
    """Remove the reports of addresses that the handles of these places had before the settings changed."""
    handles, urls = {each.handle for each in places}, {each.url for each in places}
    DoctorReport.objects.filter(handle__in=handles, kind__in=catalog.CANONICAL).exclude(url__in=urls).delete()


def forget_gone(*, now: datetime, pace: Pace) -> int:
    """Remove the reports of handles that are gone or suspended, and those that nobody has asked for again for long;
    return how many."""
    active = Handle.objects.filter(status=Handle.Status.ACTIVE).values("slug")
    gone = DoctorReport.objects.exclude(handle="").exclude(handle__in=active)
    old = DoctorReport.objects.filter(at__lt=now - policy.ENDPOINT_REPORT_KEPT)
    return batches.remove(gone, by="at", pace=pace) + batches.remove(old, by="at", pace=pace)
