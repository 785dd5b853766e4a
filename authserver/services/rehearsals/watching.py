"""What is looked after every few seconds: what nobody met is restored, and what a client did is written down."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from authserver import policy
from authserver.models import AccessToken, Event, Rehearsal, TraceStep
from authserver.protocol.trace import reactions
from authserver.protocol.trace.reactions import Did, Reaction, Sight, Sign
from authserver.protocol.trace.steps import Kind
from authserver.services.connections import lock
from authserver.services.rehearsals import ending

Tag = Event.Tag
Fault = Rehearsal.Fault
# What a client does about these may be the first that we see of it.
WITHOUT_CREDENTIALS = (Fault.EXPIRY, Fault.REVOCATION)
SEEN_IN_EVENTS = {
    Tag.CREDENTIAL_REFRESHED: Sight.REFRESHED,
    Tag.REFRESH_LATE: Sight.REFRESHED,
    Tag.CODE_REDEEMED: Sight.AUTHORIZED,
}


def look(*, now: datetime) -> int:
    """Restore what is due and settle what can be; return how many rehearsals that was."""
    return restore_due(now=now) + settle_due(now=now)


def restore_due(*, now: datetime) -> int:
    """End the rehearsals whose time is over, and those of connections that ended or whose handle is not for testing
    any more; return how many."""
    old = Q(set_at__lte=now - policy.REHEARSAL_LIFETIME)
    pointless = Q(connection__ended_at__isnull=False) | Q(connection__handle__is_for_testing=False)
    rows = Rehearsal.objects.filter(old | pointless, ended_at=None).order_by("connection_id")
    return sum(_restore(row, now=now) for row in rows)


@transaction.atomic
def _restore(row: Rehearsal, *, now: datetime) -> bool:
    locked = lock(row.connection_id)
    still = ending.open_of(locked)
    if still is None or still.pk != row.pk:
        return False
    possible = locked.is_live and locked.handle.is_for_testing
    ending.end(still, locked, how=ending.TIME_OVER if possible else ending.NOT_POSSIBLE, now=now)
    return True


def settle_due(*, now: datetime) -> int:
    """Write down what clients did: once their connection works again, or policy.REHEARSAL_WATCH after they met the
    fault. Return how many."""
    done = 0
    for row in _unsettled():
        found = reaction(row, now=now)
        age = now - (row.met_at or now)
        works = row.ended_at is not None and found.works_after_ms is not None
        if age > policy.REHEARSAL_WATCH or (works and age > policy.REHEARSAL_SETTLE):
            done += _settle(row, found)
    return done


def _unsettled() -> QuerySet[Rehearsal]:
    return Rehearsal.objects.filter(met_at__isnull=False, detail__result__isnull=True).order_by("set_at")


def _settle(row: Rehearsal, found: Reaction) -> bool:
    with transaction.atomic():
        locked = Rehearsal.objects.select_for_update(of=("self",)).get(pk=row.pk)
        if "result" in locked.detail:
            return False
        locked.detail = locked.detail | {"result": found.stored()}
        locked.save(update_fields=["detail"])
    return True


def reaction(row: Rehearsal, *, now: datetime) -> Reaction:
    """Return what the client of a rehearsal that was met did: as written down, or as far as can be seen now."""
    if "result" in row.detail:
        return Reaction.of(row.detail["result"])
    assert row.met_at
    signs = _signs(row, row.met_at, until=_watched_until(row, row.met_at))
    return reactions.judge(signs, met_at=_met_since(row, row.met_at))


def _watched_until(row: Rehearsal, met_at: datetime) -> datetime:
    """Return when its account is closed: what the client does from the next rehearsal on belongs to that one."""
    later = Rehearsal.objects.filter(connection_id=row.connection_id, set_at__gt=row.set_at).order_by("set_at")
    over = met_at + policy.REHEARSAL_WATCH
    return min(over, later.values_list("set_at", flat=True).first() or over)


def _met_since(row: Rehearsal, met_at: datetime) -> datetime:
    """Return when the client was told no. Where credentials ran out, or a scope was missing, a resource server told it,
    and reports that; what we see ourselves comes a little later."""
    if row.fault not in (*WITHOUT_CREDENTIALS, Fault.MISSING_SCOPE):
        return met_at
    told = _steps(row).filter(kind=Kind.CALL.value, ok=False, at__gte=row.set_at, at__lt=met_at)
    return told.order_by("at").values_list("at", flat=True).first() or met_at


def _signs(row: Rehearsal, met_at: datetime, *, until: datetime) -> Iterable[Sign]:
    """Yield what was seen of the client since. A refresh that was itself the fault is none of it."""
    own = Q(at__gte=met_at) if row.fault in WITHOUT_CREDENTIALS else Q(at__gt=met_at)
    acts = Event.objects.filter(own, connection_id=row.connection_id, tag__in=SEEN_IN_EVENTS, at__lte=until)
    yield from (Sign(at, SEEN_IN_EVENTS[Tag(tag)]) for at, tag in acts.values_list("at", "tag"))
    if row.detail.get("came_again") and row.ended_at:
        yield Sign(row.ended_at, Sight.REFRESHED)
    used = AccessToken.objects.filter(connection_id=row.connection_id, used_at__gt=met_at, used_at__lte=until)
    yield from (Sign(at, Sight.WORKED) for at in used.values_list("used_at", flat=True) if at)
    steps = _steps(row).filter(at__gt=met_at, at__lte=until, kind__in=[Kind.CALL.value, Kind.REFRESH.value])
    steps = steps.exclude(code__startswith="rehearsal:")  # the fault itself
    for at, kind, ok in steps.values_list("at", "kind", "ok"):
        if not ok or kind == Kind.CALL.value:
            yield Sign(at, Sight.WORKED if ok else Sight.REFUSED)


def _steps(row: Rehearsal) -> QuerySet[TraceStep]:
    return TraceStep.objects.filter(connection_id=row.connection_id)


def is_settled(row: Rehearsal, found: Reaction, *, now: datetime) -> bool:
    """Tell whether what was found is the last word: a client that seems to have given up has some time left."""
    return "result" in row.detail or found.did != Did.GAVE_UP or now - (row.met_at or now) > policy.REHEARSAL_WATCH
