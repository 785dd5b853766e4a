"""Handles as they are stored: suspended, activated, made private or public, removed. `founding` and `ownership` have
what people may do about their own."""

from datetime import datetime

from django.db import transaction

from accounts.models import User
from authserver.services import events, receipts
from authserver.services.events import Actor, Tag
from authserver.services.receipts import Subject
from authserver.services.rehearsals import acts as rehearsals
from authserver.services.standing.changes import differences
from handles.models import Handle, RetiredName

KEPT = (
    "display_name",
    "visibility",
    "status",
    "suspended_by",
    "is_for_testing",
)  # its name is never changed: clients keep addresses with it
ANSWERED_BY = {"visibility", "status"}
STATES = ANSWERED_BY | {"suspended_by", "is_for_testing"}


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
    """Store a handle as it was typed; return whether that changed anything. A suspension is noted as that of who made
    it; a handle that is not for testing any more rehearses nothing. Records handle:changed, or handle:created."""
    _note_who_suspends(handle, actor)
    changed = differences(handle, names=KEPT)
    if not changed:
        return False
    is_new = handle._state.adding
    handle.save()
    if is_new:
        RetiredName.objects.filter(slug=handle.slug).delete()  # administrators give every name
    told = {name: pair for name, pair in changed.items() if name in STATES}  # ids and states, no free text
    tag = Tag.HANDLE_CREATED if is_new else Tag.HANDLE_CHANGED
    event = events.record(tag, actor=actor, by=by, handle=handle.slug, fields=sorted(changed), states=told)
    if ANSWERED_BY & set(changed) and not is_new:
        receipts.claims_changed(Subject(handle=handle), event=event, now=now)
    if "is_for_testing" in changed and not handle.is_for_testing:
        rehearsals.end_all(handle, by=by, now=now)
    return True


def _note_who_suspends(handle: Handle, actor: Actor) -> None:
    """An administrator's suspension stays theirs; one whose status stays as it was stays whose it was."""
    if handle.status != Handle.Status.SUSPENDED:
        handle.suspended_by = ""
        return
    before = Handle.objects.filter(pk=handle.pk).values_list("status", flat=True).first()
    if before != Handle.Status.SUSPENDED or not handle.suspended_by:
        owners = actor == Actor.PERSON
        handle.suspended_by = Handle.SuspendedBy.OWNER if owners else Handle.SuspendedBy.ADMINISTRATOR


@transaction.atomic
def remove(handle: Handle, *, by: User, now: datetime, actor: Actor = Actor.ADMINISTRATOR) -> None:
    """Delete a handle and with it every connection, token and invitation; its events stay. Its name is retired: kept
    for the person who removed it, or, after an administrator, for administrators. Records handle:removed."""
    event = events.record(Tag.HANDLE_REMOVED, actor=actor, by=by, handle=handle.slug)
    receipts.session_revoked(Subject(handle=handle), event=event, now=now)
    owner = by if actor == Actor.PERSON else None
    RetiredName.objects.update_or_create(slug=handle.slug, defaults={"owner": owner, "retired_at": now})
    handle.delete()
