"""Telling operators by mail: what is new since the last round, in one letter to each of them.

The letter is a notice like every other, so the mail server may be away. What it says is written down in the
transaction that takes it off the list: each thing is told once.
"""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from authserver import policy
from authserver.models import AlarmTelling, Notice
from authserver.services import notices
from authserver.services.alarms.sentences import sentence

LANGUAGE = "en"  # of the frame, as of the sentences


def gather(*, now: datetime) -> int:
    """Owe one letter about all that is to be told by now to each of settings.ALARM_EMAILS; return about how much."""
    if not settings.ALARM_EMAILS:
        return 0
    with transaction.atomic():
        rows = AlarmTelling.objects.select_for_update(of=("self",), skip_locked=True).select_related("alarm")
        mail = rows.filter(channel=AlarmTelling.Channel.MAIL, sent_at=None, next_attempt_at__lte=now)
        due = list(mail.order_by("pk"))
        if due:
            AlarmTelling.objects.filter(pk__in=[telling.pk for telling in due]).update(sent_at=now)
            _owe(due, now=now)
    return len(due)


def _owe(due: list[AlarmTelling], *, now: datetime) -> None:
    shown = due[: policy.ALARMS_SHOWN_MAX]
    said = [sentence(telling.alarm, is_over=telling.is_over) for telling in shown]
    more, is_over = len(due) - len(shown), all(telling.is_over for telling in due)
    for email in settings.ALARM_EMAILS:
        notices.owe(
            Notice.Kind.ALARMS, None, now=now, email=email, said=said, more=more, is_over=is_over, language=LANGUAGE
        )
