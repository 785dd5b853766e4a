"""Memberships as administrators keep them, whatever their own role at the handle is. `members` has what people of the
handle may do."""

from datetime import datetime

from django.db import transaction

from accounts.models import User
from authserver.services import events, receipts
from authserver.services.events import Actor, Tag
from authserver.services.receipts import Subject
from authserver.services.standing import members
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
    """Take a person's seat and end their connections and personal tokens at the handle. Records member:removed, and
    what ending those records."""
    _lock(seat)
    _tell(seat, Tag.MEMBER_REMOVED, by=by, now=now, before=seat.role)
    seat.delete()
    members.end_access(seat.handle, seat.user, by=by, now=now)


def _lock(seat: Membership) -> None:
    """Lock the handle, then the seat, as every act on members does."""
    Handle.objects.select_for_update(no_key=True).get(pk=seat.handle_id)
    Membership.objects.select_for_update(of=("self",)).filter(pk=seat.pk).first()


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
