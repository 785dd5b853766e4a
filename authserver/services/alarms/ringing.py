"""Alarms open, count and close. At most one of a kind is open about a subject; the database holds to that."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F

from accounts.models import User
from authserver import policy
from authserver.models import Alarm
from authserver.services import batches, events
from authserver.services.alarms import owing
from authserver.services.batches import Pace
from authserver.services.events import Actor, Tag

Kind = Alarm.Kind
Said = str | int | list[str]


@transaction.atomic
def ring(kind: Alarm.Kind, subject: str, *, now: datetime, **detail: Said) -> None:
    """Open an alarm of this kind about this subject, or count the open one again, and owe word of it.

    `detail` replaces what was said before: ids, names and counts of ours, never a secret and never what a stranger
    wrote freely.
    """
    subject = _kept(subject)
    while not _again(kind, subject, detail, now=now):
        try:
            with transaction.atomic():
                Alarm.objects.create(kind=kind, subject=subject, opened_at=now, last_at=now, detail=detail)
            break
        except IntegrityError:  # another process opened it meanwhile; and it may be closed again by now
            continue
    owing.owe(Alarm.objects.get(kind=kind, subject=subject, closed_at=None), now=now)


def _again(kind: Alarm.Kind, subject: str, detail: dict[str, Said], *, now: datetime) -> int:
    rows = Alarm.objects.filter(kind=kind, subject=subject, closed_at=None)
    return rows.update(count=F("count") + 1, last_at=now, detail=detail)


@transaction.atomic
def still(kind: Alarm.Kind, subject: str, *, now: datetime) -> bool:
    """Close the open alarm of this kind about this subject, because it is over; return whether there was one."""
    alarm = Alarm.objects.select_for_update().filter(kind=kind, subject=_kept(subject), closed_at=None).first()
    if alarm is not None:
        _end(alarm, by=None, now=now)
    return alarm is not None


@transaction.atomic
def close(alarm: Alarm, *, by: User, now: datetime) -> bool:
    """Close an alarm because an administrator says so; return whether it was open. Records alarm:closed."""
    locked = Alarm.objects.select_for_update(of=("self",)).filter(pk=alarm.pk, closed_at=None).first()
    if locked is not None:
        _end(locked, by=by, now=now)
        events.record(
            Tag.ALARM_CLOSED,
            actor=Actor.ADMINISTRATOR,
            by=by,
            alarm=locked.pk,
            kind=locked.kind,
            subject=locked.subject,
        )
    return locked is not None


def _end(locked: Alarm, *, by: User | None, now: datetime) -> None:
    locked.closed_at, locked.closed_by = now, by
    locked.save(update_fields=["closed_at", "closed_by"])
    owing.owe_end(locked, now=now)


def purge(*, now: datetime, pace: Pace) -> int:
    """Remove alarms that closed longer than policy.ALARM_RETENTION ago, with what was told of them; return how many."""
    old = Alarm.objects.filter(closed_at__isnull=False, last_at__lt=now - policy.ALARM_RETENTION)
    return batches.remove(old, by="last_at", pace=pace, before=owing.forget)


def _kept(subject: str) -> str:
    return subject[: Alarm._meta.get_field("subject").max_length]
