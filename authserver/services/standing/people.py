"""People, as administrators keep them: deactivated, activated, renamed, removed."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from accounts.models import User
from authserver.services import events, personal_data, receipts
from authserver.services.events import Actor, Tag
from authserver.services.receipts import Subject
from authserver.services.standing.changes import differences

KEPT = ("email", "name", "is_active", "is_staff", "is_superuser", "password")
ANSWERED_BY = {"email", "name", "is_active"}  # what introspection says of a person
STATES = {"is_active", "is_staff", "is_superuser"}


def set_active(person: User, is_active: bool, *, by: User, now: datetime) -> bool:
    """Deactivate a person, so that every connection of theirs is refused from the next request on, or let them in
    again; return whether that changed anything."""
    person.is_active = is_active
    return save(person, by=by, now=now)


@transaction.atomic
def save(person: User, *, by: User, now: datetime, also: Iterable[str] = ()) -> bool:
    """Store a person as an administrator typed them; return whether that changed anything. `also` names what the
    form changes beside the row. Records person:changed, with the names of the fields and no content."""
    changed = differences(person, names=KEPT)
    if not changed and not also:
        return False
    is_new = person._state.adding
    person.save()
    states = {name: pair for name, pair in changed.items() if name in STATES}
    event = events.record(
        Tag.PERSON_CHANGED,
        actor=Actor.ADMINISTRATOR,
        by=by,
        person_id=person.pk,
        is_new=is_new,
        fields=sorted({*changed, *also}),
        states=states,
    )
    if ANSWERED_BY & set(changed) and not is_new:
        receipts.claims_changed(Subject(person=person), event=event, now=now)
    return True


@transaction.atomic
def remove(person: User, *, by: User, now: datetime) -> None:
    """Delete a person and with them every connection of theirs; their events stay. Records person:changed."""
    event = events.record(
        Tag.PERSON_CHANGED, actor=Actor.ADMINISTRATOR, by=by, person_id=person.pk, fields=[], is_removed=True
    )
    receipts.session_revoked(Subject(person=person), event=event, now=now)
    personal_data.forget(person)
    person.delete()
