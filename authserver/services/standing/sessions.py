"""Browser sessions that are over: Django leaves their rows, and allauth those of its list, to whoever removes them."""

from datetime import datetime, timedelta

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef

from authserver import policy
from authserver.services import batches
from authserver.services.batches import Pace

YOUNG = timedelta(hours=1)  # what is listed may be written a moment before its session


def forget_expired(*, now: datetime, pace: Pace | None = None) -> int:
    """Remove the sessions that expired; return how many."""
    expired = Session.objects.filter(expire_date__lt=now)
    return batches.remove(expired, by="expire_date", pace=pace or Pace(policy.PURGE_RUN))


def forget_listed(*, now: datetime, pace: Pace | None = None) -> int:
    """Remove from the lists of people's sessions what is gone: expired, signed out, ended by a new password; return
    how many.

    It goes through all of them: nothing in a row tells that its session is gone. Without this a row stays until its
    person signs in again.
    """
    pace = pace or Pace(policy.PURGE_RUN_NIGHTLY)
    gone = UserSession.objects.filter(~Exists(Session.objects.filter(session_key=OuterRef("session_key"))))
    listed = UserSession.objects.filter(created_at__lt=now - YOUNG)
    return sum(
        batches.remove(gone.filter(pk__in=[row[0] for row in batch]), by="id", pace=pace)
        for batch in batches.walk(listed, by="id", pace=pace)
    )
