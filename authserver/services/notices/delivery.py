"""Notices owed, and sent: at once where that works, later where the mail server is away."""

import logging
import time
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.core.cache import cache
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import get_language

from accounts.models import User
from authserver import policy
from authserver.models import Connection, Notice
from authserver.services import background, batches, events
from authserver.services.batches import Pace
from authserver.services.notices import account_letters, alarm_letters, faults, handle_letters
from authserver.services.notices.letters import Letter, compose, language_of

log = logging.getLogger(__name__)
BATCH = 100
AWAY = "mail:away"  # while this is in the cache, nobody waits for it


def owe(
    kind: Notice.Kind,
    user: User | None,
    *,
    now: datetime,
    email: str = "",
    connection: Connection | None = None,
    at_once: bool = True,
    **facts: object,
) -> Notice:
    """Write down that this person is to be told, or where there is none, whoever reads `email`. `facts` are names and
    scopes for the text: never a secret. What need not go `at_once` goes with the next round."""
    where = events.current_request.get()
    told: dict[str, object] = {"address": where.address, "agent": where.agent, "language": _spoken(kind, connection)}
    if connection is not None:
        told |= {
            "client": connection.client.name,
            "handle": connection.handle.slug,
            "connection": str(connection.pk),
        }
    notice = Notice.objects.create(
        kind=kind, user=user, email=email, facts=told | facts, created_at=now, next_attempt_at=now
    )
    if at_once:
        background.soon("authserver.tasks.send_notices")
    return notice


def are_due(kind: Notice.Kind, *, now: datetime) -> bool:
    """Tell whether mail of this kind waits for its first or next try."""
    return _due(now).filter(kind=kind).exists()


def _spoken(kind: Notice.Kind, connection: Connection | None) -> str:
    """Return the language of the page that this is owed from. What a program brought about comes from none: then the
    language in which the connection was made, as far as that is known."""
    if kind not in (Notice.Kind.CONNECTION_STOLEN, Notice.Kind.TOOLS_WAITING) or connection is None:
        return get_language() or ""
    earlier = Notice.objects.filter(user_id=connection.user_id, facts__connection=str(connection.pk))
    return str(earlier.order_by("pk").values_list("facts__language", flat=True).last() or "")


def send_due(*, now: datetime) -> int:
    """Send the mail that is owed; return how many went out.

    A mail that cannot be sent is tried again, later each time, policy.NOTICE_ATTEMPTS_MAX times. Where the mail server
    is away, nobody tries within policy.NOTICE_RETRY, and no round is longer than policy.MAIL_ROUND_SECONDS and one
    mail: without a broker, a request waits for it.
    """
    if cache.get(AWAY):
        return 0
    due = _due(now)
    sent, end = 0, time.monotonic() + policy.MAIL_ROUND_SECONDS
    for pk in list(due.order_by("next_attempt_at").values_list("pk", flat=True)[:BATCH]):
        notice = _claim(pk, now=now)
        sent += bool(notice and _send(notice, now=now))
        if cache.get(AWAY) or time.monotonic() > end:
            break
    return sent


def _due(now: datetime) -> QuerySet[Notice]:
    return Notice.objects.filter(sent_at=None, next_attempt_at__lte=now, attempts__lt=policy.NOTICE_ATTEMPTS_MAX)


@transaction.atomic
def _claim(pk: int, *, now: datetime) -> Notice | None:
    """Take a notice that is due, so that no other worker does: it is due again only when this try must have ended.

    No lock is held while the mail server is talked to: on SQLite that would stop every other writer.
    """
    rows = Notice.objects.select_for_update(of=("self",), skip_locked=True).select_related("user")
    notice = rows.filter(pk=pk, sent_at=None, next_attempt_at__lte=now).first()
    if notice is None:
        return None
    notice.attempts += 1
    notice.next_attempt_at = now + policy.NOTICE_RETRY * 2**notice.attempts
    notice.save(update_fields=["attempts", "next_attempt_at"])
    return notice


def _send(notice: Notice, *, now: datetime) -> bool:
    try:
        _mail(notice).send()
    except faults.FAULTS as error:
        log.warning("mail %s could not be sent: %s", notice.pk, type(error).__name__)
        if not faults.is_refusal(error):
            cache.set(AWAY, True, policy.NOTICE_RETRY.total_seconds())
        return False
    done = Notice.objects.filter(pk=notice.pk)
    if notice.kind == Notice.Kind.ACCOUNT_DELETED:
        done.delete()  # and with it the last that names somebody who is gone
    else:
        done.update(sent_at=now)
    return True


def _mail(notice: Notice) -> EmailMultiAlternatives:
    with translation.override(language_of(notice)):
        return _letter(notice)


def _letter(notice: Notice) -> EmailMultiAlternatives:
    letter = _compose(notice)
    # RFC 3834 §5: no machine answers it. The same id at a second try lets mail servers drop what came twice.
    host = urlsplit(settings.ISSUER).hostname
    headers = {
        "Auto-Submitted": "auto-generated",
        "Message-ID": f"<notice.{int(notice.created_at.timestamp())}.{notice.pk}@{host}>",
    }
    context = {"letter": letter}
    text = render_to_string("mail/notice.txt", context)
    mail = EmailMultiAlternatives(letter.subject, text, None, [notice.address], headers=headers)
    mail.attach_alternative(render_to_string("mail/notice.html", context), "text/html")
    return mail


def _compose(notice: Notice) -> Letter:
    if notice.kind == Notice.Kind.ALARMS:
        return alarm_letters.compose(notice)
    if notice.kind == Notice.Kind.ACCOUNT_DELETED:
        return account_letters.compose(notice)
    return handle_letters.compose(notice) if notice.kind in handle_letters.WORDS else compose(notice)


def forget_old(*, now: datetime, pace: Pace | None = None) -> int:
    """Remove notices whose last try is longer ago than policy.NOTICE_RETENTION, sent or given up; return how many."""
    old = Notice.objects.filter(next_attempt_at__lt=now - policy.NOTICE_RETENTION)
    return batches.remove(old, by="next_attempt_at", pace=pace or Pace(policy.PURGE_RUN))
