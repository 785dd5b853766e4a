"""Purge: rows that can no longer matter, removed in bounded batches. A live connection is never touched.

Made for ten million connections: every search follows an index, every run ends in time, and what is left is done by
the next one. Any number of workers may do this at once, and die at any point.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from random import SystemRandom
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.db.models.expressions import Combinable

from authserver import policy
from authserver.models import AccessToken, AuthorizationCode, Connection, RefreshToken, SeenAssertion
from authserver.services import alarms, batches, connections, documents, notices, registration
from authserver.services.batches import Pace
from authserver.services.receipts import streams
from authserver.services.standing import invitations, sessions
from authserver.services.tools import publishing
from authserver.services.trace import notes as trace
from authserver.services.usage import rollup

Condition = Q | Combinable

# A redeemed code is kept while its second use would still have something to end.
CODE_RETENTION = policy.REFRESH_TOKEN_IDLE_LIFETIME
# Far more than the clocks of nodes differ: what one of them still takes, no other one removes.
TOKEN_RETENTION = timedelta(hours=1)
OTHERS = (
    streams.purge,
    notices.forget_old,
    rollup.forget,
    documents.forget_unused,
    invitations.forget_old,
    publishing.forget_gone,
    sessions.forget_expired,
    trace.purge,
    alarms.purge,
)
ORDER = SystemRandom()  # so that nothing always comes last, where there is more than one run can do


def purge_expired(*, now: datetime, pace: Pace | None = None) -> int:
    """Remove credentials past their expiry, and codes past any use; return how many rows went. It stops after
    policy.PURGE_RUN, or when `pace` says so.

    A rotated refresh token stays until its own expiry, so that a late replay of it is still noticed.
    """
    pace = pace or Pace(policy.PURGE_RUN)
    end_unused(now=now, since=now - TOKEN_RETENTION, pace=pace)
    registration.expire_unused(now=now, pace=pace)
    streams.forget_silent(now=now)
    removals = _removals(now, pace)
    return sum(removal() for removal in ORDER.sample(removals, len(removals)))


def _removals(now: datetime, pace: Pace) -> list[Callable[[], int]]:
    beside = RefreshToken.objects.filter(pk=OuterRef("refresh_token"), expires_at__gt=now)
    held = (
        (AccessToken, now - TOKEN_RETENTION, ~Exists(beside)),
        (RefreshToken, now - TOKEN_RETENTION, Q(rotated_at=None)),
        (AuthorizationCode, now - CODE_RETENTION, Q(redeemed_at=None)),
    )
    seen = SeenAssertion.objects.filter(expires_at__lt=now)
    return [
        *(partial(_remove_held, model, before, last, now=now, pace=pace) for model, before, last in held),
        partial(batches.remove, seen, by="expires_at", pace=pace),
        *(partial(act, now=now, pace=pace) for act in OTHERS),
    ]


def _remove_held(model: type[Any], before: datetime, last: Condition, *, now: datetime, pace: Pace) -> int:
    """Remove what could be held of connections.

    `last` says which of them may be the last of their connection to expire; the others are followed by one that expires
    later: a rotated token by its successor, a redeemed code by what it brought. The connections of those are looked at
    before their batch is removed. So every live one of which nobody holds anything still has a row here that leads to
    it, wherever a run is cut off.
    """

    def look(keys: list[Any]) -> None:
        with pace.step():
            ids = set(model.objects.filter(last, pk__in=keys).values_list("connection", flat=True))
        _end_those_unused(ids, now=now, pace=pace)

    return batches.remove(model.objects.filter(expires_at__lt=before), by="expires_at", pace=pace, before=look)


def end_unused(*, now: datetime, pace: Pace | None = None, since: datetime | None = None) -> int:
    """End the live connections of which nobody holds anything any more, as the consent page says they do; return how
    many.

    Found by what came without a refresh token and expired `since`, or ever: the others end when their last refresh
    token is removed. Looking through all connections would take longer than what there is to find.
    """
    pace = pace or Pace(policy.PURGE_RUN)
    last = {"expires_at__lte": now} | ({"expires_at__gt": since} if since else {})
    codes = AuthorizationCode.objects.filter(redeemed_at=None, connection__ended_at=None, **last)
    alone = AccessToken.objects.filter(refresh_token=None, connection__ended_at=None, **last)
    return sum(
        _end_those_unused({row[2] for row in batch}, now=now, pace=pace)
        for rows in (codes, alone)
        for batch in batches.walk(rows, by="expires_at", pace=pace, also=("connection",))
    )


def _end_those_unused(ids: set[UUID], *, now: datetime, pace: Pace) -> int:
    """End those of these connections of which nobody holds anything. Not cut off by the end of the time: what led to
    them may be removed next."""
    if not ids:
        return 0
    unused = Connection.objects.filter(~connections.held(now), pk__in=ids, ended_at=None)
    with pace.step():
        found = list(unused.values_list("pk", flat=True))
    ended = 0
    for pk in found:
        with pace.step():
            ended += _end(pk, now)
    return ended


def _end(pk: UUID, now: datetime) -> bool:
    try:
        return connections.end_if_nobody_holds_it(pk, now=now)
    except Connection.DoesNotExist:  # its person, client or handle was removed meanwhile, and it with them
        return False
