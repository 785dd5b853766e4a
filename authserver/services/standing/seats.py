"""Memberships as administrators keep them, whatever their own role at the handle is. `members` has what people of the
handle may do."""

from datetime import datetime

from django.db import transaction

from accounts.models import User
from authserver.models import Connection
from authserver.services import connections, events, receipts
from authserver.services.events import Actor, Tag
from authserver.services.receipts import Subject
from authserver.services.standing.changes import differences
from handles.models import Handle, Membership


@transaction.atomic
def save(seat: Membership, *, by: User, now: datetime) -> bool:
    """Make a person a member, or give a member another role: what their connections are worth changes with it, from
    the next question on. Return whether that changed anything. Records member:added or member:role_changed."""
    _lock(seat)
    changed = differences(seat, names=["role"])
    if not changed:
        return False
    tag = Tag.MEMBER_ADDED if seat._state.adding else Tag.MEMBER_ROLE_CHANGED
    seat.save()
    _tell(seat, tag, by=by, now=now, role=seat.role, before=changed["role"][0] or "")
    return True


@transaction.atomic
def remove(seat: Membership, *, by: User, now: datetime) -> None:
    """Take a person's seat and end their connections at the handle. Records member:removed, and connection:revoked
    for each."""
    _lock(seat)
    _tell(seat, Tag.MEMBER_REMOVED, by=by, now=now, before=seat.role)
    seat.delete()
    held = Connection.objects.filter(handle=seat.handle, user=seat.user, ended_at=None).order_by("pk")
    connections.revoke_all(held, reason=Connection.EndReason.MEMBER_REMOVED, now=now, by=by)


def _lock(seat: Membership) -> None:
    Handle.objects.select_for_update(no_key=True).get(pk=seat.handle_id)  # as every act on members does


def _tell(seat: Membership, tag: Tag, *, by: User, now: datetime, before: str, role: str = "") -> None:
    event = events.record(
        tag,
        actor=Actor.ADMINISTRATOR,
        by=by,
        person_id=seat.user_id,
        handle=seat.handle.slug,
        before=before,
        role=role,
    )
    receipts.claims_changed(Subject(person=seat.user, handle=seat.handle), event=event, now=now)
