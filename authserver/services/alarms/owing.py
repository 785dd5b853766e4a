"""What operators are owed to be told, on each way to them that this deployment has."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings

from authserver import policy
from authserver.models import Alarm, AlarmTelling

Channel = AlarmTelling.Channel


def channels() -> list[AlarmTelling.Channel]:
    """Return the ways to operators that the settings name."""
    ways = ((Channel.MAIL, settings.ALARM_EMAILS), (Channel.WEBHOOK, settings.ALARM_WEBHOOK_URL))
    return [channel for channel, address in ways if address]


def owe(alarm: Alarm, *, now: datetime) -> None:
    """Owe word of an alarm that rang: at once, or where the same was told before, policy.ALARM_MAIL_REST after that."""
    given_up = AlarmTelling.objects.filter(alarm=alarm, sent_at=None, created_at__lt=now - policy.ALARM_TELL_FOR)
    given_up.delete()
    AlarmTelling.objects.bulk_create(
        [
            AlarmTelling(alarm=alarm, channel=channel, created_at=now, next_attempt_at=_due(alarm, channel, now=now))
            for channel in channels()
        ],
        ignore_conflicts=True,  # word of it waits already
    )


def _due(alarm: Alarm, channel: AlarmTelling.Channel, *, now: datetime) -> datetime:
    told = AlarmTelling.objects.filter(
        alarm__kind=alarm.kind, alarm__subject=alarm.subject, channel=channel, is_over=False, sent_at__isnull=False
    )
    last = told.order_by("-sent_at").values_list("sent_at", flat=True).first()
    return max(now, last + policy.ALARM_MAIL_REST) if last else now


def owe_end(alarm: Alarm, *, now: datetime) -> None:
    """Owe word that an alarm is over, wherever somebody heard of it, or is about to. What rests need not be told."""
    resting = AlarmTelling.objects.filter(alarm=alarm, is_over=False, sent_at=None, attempts=0, next_attempt_at__gt=now)
    resting.delete()
    heard = set(AlarmTelling.objects.filter(alarm=alarm, is_over=False).values_list("channel", flat=True))
    AlarmTelling.objects.bulk_create(
        [
            AlarmTelling(alarm=alarm, channel=channel, is_over=True, created_at=now, next_attempt_at=now)
            for channel in channels()
            if channel in heard
        ]
    )


def forget(alarms: Iterable[Any]) -> None:
    """What was told of alarms goes before them."""
    AlarmTelling.objects.filter(alarm__in=alarms).delete()
