"""What owners do about a handle of theirs: its settings, suspension, its owner, its end.

Their membership decides, not `access.role_in`: at a suspended handle nobody may act for it, and its owner still has to
be able to activate or remove it. What an administrator suspended stays as it is until an administrator is done with it.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_noop

from accounts.models import User
from authserver.models import ClientRule, Connection
from authserver.protocol import names
from authserver.protocol.errors import Refusal
from authserver.services import events, personal_tokens, receipts
from authserver.services.events import Actor, Tag
from authserver.services.receipts import Subject
from authserver.services.standing import founding, handles
from handles import access
from handles.models import Handle, Invitation, Membership
from handles.roles import Role

NOT_OWNER = Refusal("access_denied", gettext_noop("Only an owner of the handle may do this."), "handle:not_owner")
HELD = Refusal(
    "access_denied",
    gettext_noop("The people who run this server suspended this handle. Only they can change that."),
    "handle:suspended_by_administrator",
)
NOT_TO_THEM = Refusal(
    "conflict", gettext_noop("Choose a member of the handle who can sign in."), "handle:no_such_successor"
)


@dataclass(frozen=True)
class AtStake:
    """What ends with a handle, in numbers."""

    members: int
    connections: int
    people: int
    tokens: int
    clients: int
    invitations: int


def at_stake(handle: Handle, *, now: datetime) -> AtStake:
    """Return what `close` would end now."""
    live = Connection.objects.filter(handle=handle, ended_at=None)
    return AtStake(
        members=access.count_members(handle),
        connections=live.count(),
        people=live.order_by().values("user").distinct().count(),
        tokens=personal_tokens.live(now).filter(handle=handle).count(),
        clients=ClientRule.objects.filter(handle=handle, decision=ClientRule.Decision.ALLOW).count(),
        invitations=Invitation.objects.filter(handle=handle, ended_at=None, expires_at__gt=now).count(),
    )


@transaction.atomic
def change(
    handle: Handle,
    *,
    display_name: str | None,
    visibility: Handle.Visibility | None,
    by: User,
    now: datetime,
    is_for_testing: bool | None = None,
) -> bool | Refusal:
    """Store an owner's settings, None for what stays; return whether that changed anything. Made private, guests lose
    access at once; what is not for testing any more rehearses nothing. Records handle:changed.

    Refuses: access_denied, reason handle:not_owner; invalid_request, reason handle:display_name.
    """
    locked = _locked(handle, by)
    if isinstance(locked, Refusal):
        return locked
    name = locked.display_name if display_name is None else names.plain(display_name)
    if not 0 < len(name) <= founding.DISPLAY_NAME_LENGTH_MAX:
        return founding.DISPLAY_NAME
    locked.display_name, locked.visibility = name, visibility or locked.visibility
    locked.is_for_testing = locked.is_for_testing if is_for_testing is None else is_for_testing
    return handles.save(locked, by=by, now=now, actor=Actor.PERSON)


@transaction.atomic
def set_status(handle: Handle, status: Handle.Status, *, by: User, now: datetime) -> bool | Refusal:
    """Suspend a handle, or activate one that an owner suspended; return whether that changed anything. Records
    handle:changed.

    Refuses: access_denied, reason handle:not_owner or handle:suspended_by_administrator.
    """
    locked = _locked(handle, by)
    if isinstance(locked, Refusal):
        return locked
    if is_held(locked):
        return HELD
    return handles.set_status(locked, status, by=by, now=now, actor=Actor.PERSON)


@transaction.atomic
def transfer(handle: Handle, to: User, *, by: User, now: datetime) -> Refusal | None:
    """Make a member the owner in this owner's place, who becomes an admin. Other owners stay. Records
    handle:transferred.

    Refuses: access_denied, reason handle:not_owner or handle:suspended_by_administrator; conflict, reason
             handle:no_such_successor.
    """
    locked = _locked(handle, by)
    if isinstance(locked, Refusal) or is_held(locked):
        return locked if isinstance(locked, Refusal) else HELD
    seats = {
        seat.user_id: seat
        for seat in Membership.objects.select_for_update(of=("self",)).filter(handle=locked, user__in=[to.pk, by.pk])
    }
    successor = User.objects.filter(pk=to.pk, is_active=True).exists() and seats.get(to.pk)
    if not successor or to.pk == by.pk:
        return NOT_TO_THEM
    before = successor.role
    for seat, role in ((successor, Role.OWNER), (seats[by.pk], Role.ADMIN)):
        seat.role = role
        seat.save(update_fields=["role"])
    event = events.record(
        Tag.HANDLE_TRANSFERRED, actor=Actor.PERSON, by=by, person_id=to.pk, handle=locked.slug, before=before
    )
    for person in (to, by):
        receipts.claims_changed(Subject(person=person, handle=locked), event=event, now=now)
    return None


@transaction.atomic
def close(handle: Handle, *, by: User, now: datetime) -> Refusal | None:
    """Remove a handle, and with it what `at_stake` counts. Records handle:removed.

    Refuses: access_denied, reason handle:not_owner or handle:suspended_by_administrator (what they look into must not
             disappear).
    """
    locked = _locked(handle, by)
    if isinstance(locked, Refusal) or is_held(locked):
        return locked if isinstance(locked, Refusal) else HELD
    handles.remove(locked, by=by, now=now, actor=Actor.PERSON)
    return None


def is_held(handle: Handle) -> bool:
    """Tell whether an administrator suspended this handle; a suspension that nobody noted counts as one."""
    return handle.status == Handle.Status.SUSPENDED and handle.suspended_by != Handle.SuspendedBy.OWNER


def _locked(handle: Handle, by: User) -> Handle | Refusal:
    """Lock the handle, and ask again whether this person owns it."""
    locked = Handle.objects.select_for_update(no_key=True).filter(pk=handle.pk).first()
    seat = access.membership_of(locked, by) if locked else None
    return locked if locked and seat and seat.role == Role.OWNER else NOT_OWNER
