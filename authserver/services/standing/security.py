"""What people change about their own account: recorded for the audit trail, told to whoever answers about them."""

from datetime import datetime
from typing import Any

from allauth.mfa.models import Authenticator
from django.db import transaction

from accounts.models import User
from authserver.services import events, receipts
from authserver.services.events import Actor, Tag
from authserver.services.receipts import Subject
from authserver.services.standing.changes import differences


@transaction.atomic
def save_profile(person: User, *, now: datetime) -> bool:
    """Store the name and the language that a person chose for themselves; return whether that changed anything.
    Records person:changed, with the names of the fields and no content."""
    changed = differences(person, names=("name", "language"))
    if not changed:
        return False
    person.save(update_fields=list(changed))
    event = events.record(
        Tag.PERSON_CHANGED, actor=Actor.PERSON, by=person, person_id=person.pk, is_new=False, fields=sorted(changed)
    )
    if "name" in changed:
        receipts.claims_changed(Subject(person=person), event=event, now=now)
    return True


def factor_added(person: User, *, kind: str) -> None:
    """Record person:factor_added: a passkey (`webauthn`), an app (`totp`) or recovery codes."""
    _record(Tag.FACTOR_ADDED, person, kind=kind)


def factor_removed(person: User, *, kind: str) -> None:
    """Record person:factor_removed, by the person."""
    _record(Tag.FACTOR_REMOVED, person, kind=kind)


@transaction.atomic
def remove_factor(factor: Authenticator, *, by: User) -> None:
    """Remove a factor of a person who lost it, for an administrator. Records person:factor_removed."""
    _record(Tag.FACTOR_REMOVED, factor.user, by=by, kind=factor.type)
    factor.delete()


def password_changed(person: User, *, way: str) -> None:
    """Record person:password_changed. `way` is `changed`, `set` for the first one, or `reset` by a code."""
    _record(Tag.PASSWORD_CHANGED, person, way=way)


@transaction.atomic
def email_changed(person: User, *, now: datetime) -> None:
    """Record person:email_changed, without the addresses, and say that answers about this person are different now."""
    event = _record(Tag.EMAIL_CHANGED, person)
    receipts.claims_changed(Subject(person=person), event=event, now=now)


def _record(tag: Tag, person: User, *, by: User | None = None, **detail: Any) -> events.Event:
    actor = Actor.ADMINISTRATOR if by else Actor.PERSON
    return events.record(tag, actor=actor, by=by or person, person_id=person.pk, **detail)
