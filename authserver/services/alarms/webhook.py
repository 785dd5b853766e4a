"""Telling operators by webhook: one POST of JSON for each thing, again and again until it is taken.

No lock is held and no transaction is open while the receiver is asked. The address is the operator's own, from the
settings: so it may be a private one, which no address that a stranger names may be. It may be a secret, too, as those
of chat servers are: it is logged nowhere.
"""

import hashlib
import hmac
import json
import logging
import re
import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from authserver import policy
from authserver.models import AlarmTelling
from authserver.services.alarms.places import address
from authserver.services.alarms.sentences import sentence
from authserver.services.receipts import posting

log = logging.getLogger(__name__)
DOUBLINGS_MAX = 10
Channel = AlarmTelling.Channel


def post_due(*, now: datetime) -> int:
    """Post what is due, the oldest first; return how much was taken. The first that is not ends the round, and so does
    policy.ALARM_ROUND_SECONDS. What is not taken is due again later, for policy.ALARM_TELL_FOR."""
    sent, end = 0, time.monotonic() + policy.ALARM_ROUND_SECONDS
    keys = _due(now).order_by("pk").values_list("pk", flat=True)[: policy.ALARMS_SHOWN_MAX]
    for pk in list(keys) if settings.ALARM_WEBHOOK_URL else []:
        telling = _claim(pk, now=now)
        if telling is None:
            continue
        if not _post(telling) or time.monotonic() > end:
            break
        sent += 1
    return sent


def _due(now: datetime) -> QuerySet[AlarmTelling]:
    """Return what waits and is due. That something is over waits until it was told that it began."""
    waiting = AlarmTelling.objects.filter(
        channel=Channel.WEBHOOK, sent_at=None, created_at__gt=now - policy.ALARM_TELL_FOR
    )
    earlier = waiting.filter(alarm=OuterRef("alarm"), is_over=False)
    return waiting.exclude(Exists(earlier), is_over=True).filter(next_attempt_at__lte=now)


@transaction.atomic
def _claim(pk: int, *, now: datetime) -> AlarmTelling | None:
    """Take one, so that no other worker does: it is due again only when this try must have ended."""
    rows = AlarmTelling.objects.select_for_update(of=("self",), skip_locked=True).select_related("alarm")
    telling = rows.filter(pk=pk, sent_at=None, next_attempt_at__lte=now).first()
    if telling is not None:
        telling.attempts += 1
        telling.next_attempt_at = now + _pause(telling.attempts)
        telling.save(update_fields=["attempts", "next_attempt_at"])
    return telling


def _pause(attempts: int) -> timedelta:
    return min(policy.ALARM_RETRY * 2 ** min(attempts, DOUBLINGS_MAX), policy.ALARM_RETRY_MAX)


def _post(telling: AlarmTelling) -> bool:
    body, at = _body(telling), int(time.time())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Gatehouse (OAuth authorization server; alarms)",
        "X-Gatehouse-Delivery": str(telling.pk),  # the same at a second try
    }
    if settings.ALARM_WEBHOOK_SECRET:
        headers["X-Gatehouse-Signature"] = f"t={at},v1={signature(body, at=at, secret=settings.ALARM_WEBHOOK_SECRET)}"
    error = posting.send(settings.ALARM_WEBHOOK_URL, body, headers=headers)
    if error:
        log.warning("alarm %s could not be told to the webhook: %s", telling.pk, error)
        return False
    AlarmTelling.objects.filter(pk=telling.pk).update(sent_at=timezone.now())
    return True


def signature(body: bytes, *, at: int, secret: str) -> str:
    """Return the HMAC-SHA256 in hexadecimal of the time in seconds, a full stop and the body."""
    return hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()


def _body(telling: AlarmTelling) -> bytes:
    alarm = telling.alarm
    said = {
        "kind": alarm.kind,
        "subject": alarm.subject,
        "opened_at": alarm.opened_at.isoformat(),
        "count": alarm.count,
        "detail": alarm.detail,
        "over": telling.is_over,
        "url": address(alarm),
        "text": f"{_calling_nobody(sentence(alarm, is_over=telling.is_over))} {address(alarm)}",
    }
    return json.dumps(said).encode()


def _calling_nobody(text: str) -> str:
    """Return the text so that chat servers that show it find neither a person to call nor a link with a false name:
    the address of a client's document is the client's own word."""
    return re.sub(r"([@<])", "\\1\u200b", text)
