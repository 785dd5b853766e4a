"""Purge: rows that can no longer matter, removed in bounded batches. A live connection is never touched."""

from datetime import datetime, timedelta

from django.db import models

from authserver import policy
from authserver.models import AccessToken, AuthorizationCode, Connection, RefreshToken, SeenAssertion
from authserver.services import connections, documents, notices, registration
from authserver.services.receipts import streams
from authserver.services.usage import rollup

BATCH = 1_000
# A redeemed code is kept while its second use would still have something to end.
CODE_RETENTION = policy.REFRESH_TOKEN_IDLE_LIFETIME
TOKEN_RETENTION = timedelta(hours=1)


def _purge(model: type[models.Model], before: datetime) -> int:
    removed = 0
    while True:
        ids = list(model._default_manager.filter(expires_at__lt=before).values_list("pk", flat=True)[:BATCH])
        if not ids:
            return removed
        removed += model._default_manager.filter(pk__in=ids).delete()[0]


def end_unused(*, now: datetime) -> int:
    """End the live connections of which nobody holds anything any more, as the consent page says they do; return how
    many."""
    unused = Connection.objects.filter(~connections.held(now), ended_at=None).values_list("pk", flat=True)
    ended = 0
    while batch := list(unused[:BATCH]):
        ended += sum(connections.end_if_nobody_holds_it(pk, now=now) for pk in batch)
    return ended


def purge_expired(*, now: datetime) -> int:
    """Remove credentials past their expiry, and codes past any use; return how many rows went.

    A rotated refresh token stays until its own expiry, so that a late replay of it is still noticed.
    """
    end_unused(now=now)
    registration.expire_unused(now=now)
    documents.forget_unused(now=now)
    streams.forget_silent(now=now)
    rollup.forget(now=now)
    return (
        _purge(AccessToken, now - TOKEN_RETENTION)
        + _purge(RefreshToken, now - TOKEN_RETENTION)
        + _purge(AuthorizationCode, now - CODE_RETENTION)
        + _purge(SeenAssertion, now)
        + streams.purge(now=now)
        + notices.forget_old(now=now)
    )
