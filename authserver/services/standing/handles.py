"""Handles: suspended, activated, made private or public, removed."""

from datetime import datetime

from django.db import transaction

from accounts.models import User
from authserver.services import events, receipts
from authserver.services.events import Actor, Tag
from authserver.services.receipts import Subject
from authserver.services.standing.changes import differences
from handles.models import Handle

KEPT = ("display_name", "visibility", "status")  # its name is never changed: clients keep addresses with it
ANSWERED_BY = {"visibility", "status"}


def set_status(
    handle: Handle, status: Handle.Status, *, by: User, now: datetime, actor: Actor = Actor.ADMINISTRATOR
) -> bool:
    """Suspend a handle, so that every connection to it is refused from the next request on, or activate it; return
    whether that changed anything."""
    handle.status = status
    return save(handle, by=by, now=now, actor=actor)


def set_visibility(
    handle: Handle, visibility: Handle.Visibility, *, by: User, now: datetime, actor: Actor = Actor.ADMINISTRATOR
) -> bool:
    """Make a handle private, so that whoever is no member loses access at once, or public; return whether that
    changed anything."""
    handle.visibility = visibility
    return save(handle, by=by, now=now, actor=actor)


@transaction.atomic
def save(handle: Handle, *, by: User, now: datetime, actor: Actor = Actor.ADMINISTRATOR) -> bool:
    """Store a handle as it was typed; return whether that changed anything. Records handle:changed."""
    changed = differences(handle, names=KEPT)
    if not changed:
        return False
    is_new = handle._state.adding
    handle.save()
    told = {name: pair for name, pair in changed.items() if name in ANSWERED_BY}  # ids and states, no free text
    event = events.record(
        Tag.HANDLE_CHANGED, actor=actor, by=by, handle=handle.slug, is_new=is_new, fields=sorted(changed), states=told
    )
    if ANSWERED_BY & set(changed) and not is_new:
        receipts.claims_changed(Subject(handle=handle), event=event, now=now)
    return True


@transaction.atomic
def remove(handle: Handle, *, by: User, now: datetime) -> None:
    """Delete a handle and with it every connection to it; its events stay. Records handle:changed."""
    event = events.record(
        Tag.HANDLE_CHANGED, actor=Actor.ADMINISTRATOR, by=by, handle=handle.slug, fields=[], is_removed=True
    )
    receipts.session_revoked(Subject(handle=handle), event=event, now=now)
    handle.delete()
