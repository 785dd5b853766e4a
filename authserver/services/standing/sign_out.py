"""Signing out everywhere: what a person does who fears that somebody else holds something of theirs."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from accounts.models import User
from authserver.models import Connection
from authserver.services import connections, events, personal_tokens, receipts
from authserver.services.events import Actor, Tag
from authserver.services.receipts import Subject


@dataclass(frozen=True)
class SignedOut:
    """How many connections and personal access tokens ended, or would."""

    connections: int
    tokens: int


def at_stake(person: User, *, now: datetime) -> SignedOut:
    """Return what `everywhere` would end now."""
    live = Connection.objects.filter(user=person, ended_at=None)
    return SignedOut(live.count(), personal_tokens.live(now).filter(user=person).count())


@transaction.atomic
def everywhere(person: User, *, now: datetime) -> SignedOut:
    """End all sessions, connections and personal access tokens of a person, all of it or nothing; return how many.

    A session of theirs that is to go on has to be given its hash anew (`update_session_auth_hash`). Records
    person:signed_out_everywhere, and connection:revoked and personal_token:revoked for each.
    """
    person.signed_out_at = now  # first: it locks the person, whom an Allow that is under way asks about
    person.save(update_fields=["signed_out_at"])
    live = Connection.objects.filter(user=person, ended_at=None).order_by("pk")
    ended = connections.revoke_all(live, reason=Connection.EndReason.SIGNED_OUT, now=now, by=person)
    tokens = personal_tokens.live(now).filter(user=person).order_by("pk")
    revoked = personal_tokens.revoke_all(tokens, by=person, now=now)
    event = events.record(
        Tag.PERSON_SIGNED_OUT, actor=Actor.PERSON, by=person, person_id=person.pk, connections=ended, tokens=revoked
    )
    receipts.session_revoked(Subject(person=person), event=event, now=now)
    return SignedOut(ended, revoked)
