"""What people do: begin a rehearsal, call it off."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_noop

from accounts.models import User
from authserver.models import AccessToken, Connection, RefreshToken, Rehearsal
from authserver.protocol.errors import Refusal
from authserver.services import catalog, events, receipts
from authserver.services.connections import lock
from authserver.services.events import Actor, Tag
from authserver.services.receipts import Subject
from authserver.services.rehearsals import ending
from handles import access
from handles.models import Handle
from handles.roles import Role, at_least

Fault = Rehearsal.Fault
# A client meets these when it refreshes. What it has does not run out for that: some clients refresh by their own clock
# alone, and would sign in anew.
BY_REFRESH = frozenset({Fault.REFRESH_RACE, Fault.LOST_ANSWER})
RUNS_OUT = frozenset({Fault.EXPIRY, Fault.REVOCATION, Fault.CLOCK_SKEW})

NOT_ADMIN = Refusal(
    "access_denied", gettext_noop("Only an admin of the handle may rehearse a fault."), "rehearsal:not_admin"
)
NOT_FOR_TESTING = Refusal(
    "access_denied",
    gettext_noop("This handle is not marked for testing. Its owner can mark it in its settings."),
    "rehearsal:not_for_testing",
)
NOT_LIVE = Refusal(
    "conflict",
    gettext_noop("The connection has ended or is paused: there is nothing to rehearse."),
    "rehearsal:not_live",
)
UNDER_WAY = Refusal(
    "conflict",
    gettext_noop("This connection rehearses a fault already. Wait for it, or call it off."),
    "rehearsal:open",
)
NO_SCOPE = Refusal(
    "invalid_request", gettext_noop("Choose a permission that the connection has now."), "rehearsal:scope"
)
NO_REFRESH = Refusal(
    "conflict", gettext_noop("The app cannot refresh: it has no refresh token, so it would not meet this."),
    "rehearsal:no_refresh",
)  # fmt: skip


@transaction.atomic
def begin(connection: Connection, fault: Fault, *, by: User, now: datetime, scope: str = "") -> Rehearsal | Refusal:
    """Let a connection meet a fault once, within policy.REHEARSAL_LIFETIME; `scope` is the one that is missing then.
    Records rehearsal:begun.

    Refuses: access_denied, reason rehearsal:not_admin or rehearsal:not_for_testing; conflict, reason
             rehearsal:not_live, rehearsal:open or rehearsal:no_refresh; invalid_request, reason rehearsal:scope.
    """
    locked = lock(connection.pk)
    refusal = _refusal(locked, fault, by=by, now=now, scope=scope)
    if refusal:
        return refusal
    rehearsal = Rehearsal(connection=locked, fault=fault, set_by=by, set_at=now)
    locked.rehearsed_fault = fault
    if fault == Fault.MISSING_SCOPE:
        rehearsal.detail = {"scope": scope}
        locked.withheld_scopes = " ".join([*locked.withheld_scopes.split(), scope])
    if fault in RUNS_OUT:
        rehearsal.detail = {"expired": _run_out(locked, now)}
    locked.save(update_fields=["rehearsed_fault", "withheld_scopes"])
    rehearsal.save()
    event = events.record(
        Tag.REHEARSAL_BEGUN,
        actor=Actor.PERSON,
        by=by,
        connection=locked,
        rehearsal=str(rehearsal.pk),
        fault=fault.value,
    )
    receipts.claims_changed(Subject(connection=locked), event=event, now=now)
    return rehearsal


def _refusal(locked: Connection, fault: Fault, *, by: User, now: datetime, scope: str) -> Refusal | None:
    if not at_least(access.role_in(locked.handle, by) or Role.PUBLIC, Role.ADMIN):
        return NOT_ADMIN
    if not locked.handle.is_for_testing:
        return NOT_FOR_TESTING
    if not locked.is_live or locked.paused_at:
        return NOT_LIVE
    if ending.open_of(locked):
        return UNDER_WAY
    if fault == Fault.MISSING_SCOPE and scope not in may_miss(locked):
        return NO_SCOPE
    return NO_REFRESH if fault in BY_REFRESH and not _can_refresh(locked, now) else None


def may_miss(connection: Connection) -> list[str]:
    """Return the scopes of a connection that can be missing for a while: all but what everything needs."""
    known = catalog.current()
    held = [name for name in connection.scope_list if name in known]
    return [name for name in held if known[name].is_shown and not known[name].is_required]


def _can_refresh(locked: Connection, now: datetime) -> bool:
    return RefreshToken.objects.filter(connection=locked, rotated_at=None, expires_at__gt=now).exists()


def _run_out(locked: Connection, now: datetime) -> dict[str, str]:
    """Let all live access tokens of the connection expire; return when they would have."""
    live = AccessToken.objects.filter(connection=locked, expires_at__gt=now)
    before = {str(pk): expires_at.isoformat() for pk, expires_at in live.values_list("pk", "expires_at")}
    live.update(expires_at=now)
    return before


@transaction.atomic
def call_off(rehearsal: Rehearsal, *, by: User, now: datetime) -> bool:
    """End a rehearsal at once; return False where it has ended. Records rehearsal:ended."""
    locked = lock(rehearsal.connection_id)
    still = ending.open_of(locked)
    if still is None or still.pk != rehearsal.pk:
        return False
    ending.end(still, locked, how=ending.CALLED_OFF, now=now, by=by)
    return True


def end_all(handle: Handle, *, by: User, now: datetime) -> int:
    """End every rehearsal at a handle that is not for testing any more; return how many."""
    rows = Rehearsal.objects.filter(connection__handle=handle, ended_at=None).order_by("connection_id")
    return sum(call_off(row, by=by, now=now) for row in rows)
