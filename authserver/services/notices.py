"""Mail to a person about what happened to their access: owed in the transaction of the act, sent behind the request."""

import logging
from datetime import datetime

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string

from accounts.models import User
from authserver import policy
from authserver.models import Connection, Notice
from authserver.services import background, events

log = logging.getLogger(__name__)
BATCH = 100


def owe(
    kind: Notice.Kind, user: User, *, now: datetime, connection: Connection | None = None, **facts: object
) -> Notice:
    """Write down that this person is to be told. `facts` are names and scopes for the text: never a secret."""
    where = events.current_request.get()
    told: dict[str, object] = {"address": where.address, "agent": where.agent}
    if connection is not None:
        told |= {
            "client": connection.client.name,
            "handle": connection.handle.slug,
            "connection": str(connection.pk),
        }
    notice = Notice.objects.create(kind=kind, user=user, facts=told | facts, created_at=now, next_attempt_at=now)
    background.soon("authserver.tasks.send_notices")
    return notice


def send_due(*, now: datetime) -> int:
    """Send the mail that is owed, each in a transaction of its own; return how many went out.

    A mail that cannot be sent is tried again, later each time, policy.NOTICE_ATTEMPTS_MAX times.
    """
    due = Notice.objects.filter(sent_at=None, next_attempt_at__lte=now, attempts__lt=policy.NOTICE_ATTEMPTS_MAX)
    return sum(_send(pk, now=now) for pk in list(due.values_list("pk", flat=True)[:BATCH]))


@transaction.atomic
def _send(pk: int, *, now: datetime) -> bool:
    notice = Notice.objects.select_for_update(of=("self",)).select_related("user").get(pk=pk)
    if notice.sent_at or notice.next_attempt_at > now:
        return False  # another worker was quicker
    notice.attempts += 1
    notice.next_attempt_at = now + policy.NOTICE_RETRY * 2**notice.attempts
    context = {"notice": notice, "facts": notice.facts, "issuer": settings.ISSUER, "product": policy.PRODUCT_NAME}
    subject = " ".join(render_to_string(f"mail/{notice.kind}_subject.txt", context).split())
    try:
        send_mail(subject, render_to_string(f"mail/{notice.kind}.txt", context), None, [notice.user.email])
        notice.sent_at = now
    except OSError as error:  # SMTP errors are among them; the text of one may hold addresses
        log.warning("mail %s could not be sent: %s", notice.pk, type(error).__name__)
    notice.save(update_fields=["attempts", "next_attempt_at", "sent_at"])
    return notice.sent_at is not None
