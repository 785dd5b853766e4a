"""The end of an account: everything that lets a person in ends, and what says who they were goes.

Events stay: the ledger is append-only. They know a person by an id that then leads nowhere, and hold no name and no
e-mail address; the network addresses in them go when their month is removed (docs/events.md).
"""

from dataclasses import dataclass
from datetime import datetime

from allauth.usersessions.models import UserSession
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import get_language

from accounts.models import User
from authserver.models import Connection, Notice, TraceStep
from authserver.protocol.errors import Refusal
from authserver.services import connections, events, notices, personal_tokens, receipts
from authserver.services.events import Actor, Tag
from authserver.services.receipts import Subject
from handles.models import Handle, Invitation, Membership
from handles.roles import Role

LAST_OWNER = Refusal(
    "conflict",
    "You are the only owner of a handle. Make somebody else its owner first, or remove it.",
    "person:last_owner",
)
ADMINISTERS = Refusal(
    "conflict",
    "You are an administrator of this server. Another administrator has to end that first.",
    "person:is_administrator",
)


@dataclass(frozen=True)
class AtStake:
    """What ends with an account; `owned` are the handles that nobody else owns, which stand in the way."""

    connections: int
    tokens: int
    handles: int
    owned: tuple[str, ...]
    is_administrator: bool

    @property
    def refusal(self) -> Refusal | None:
        return ADMINISTERS if self.is_administrator else LAST_OWNER if self.owned else None


def at_stake(person: User, *, now: datetime) -> AtStake:
    """Return what `erase` would end now, and what stands in its way."""
    return AtStake(
        connections=Connection.objects.filter(user=person, ended_at=None).count(),
        tokens=personal_tokens.live(now).filter(user=person).count(),
        handles=Membership.objects.filter(user=person).count(),
        owned=_owned_alone(person),
        is_administrator=person.is_staff or person.is_superuser,
    )


@transaction.atomic
def erase(person: User, *, by: User | None, actor: Actor, now: datetime) -> AtStake | Refusal:
    """Erase a person; return what ended. `by` is None for a command. Records person:erased, and what ending each of
    their connections, tokens and seats records.

    Refuses: conflict, reason person:last_owner or person:is_administrator.
    """
    handles = Handle.objects.filter(memberships__user=person).order_by("pk").values_list("pk", flat=True)
    list(Handle.objects.select_for_update(no_key=True).filter(pk__in=list(handles)).order_by("pk"))
    locked = User.objects.select_for_update().filter(pk=person.pk).first()
    if locked is None:
        raise User.DoesNotExist
    stake = at_stake(locked, now=now)
    if stake.refusal:
        return stake.refusal
    _end_access(locked, by=by, actor=actor, now=now)
    event = events.record(
        Tag.PERSON_ERASED,
        actor=actor,
        by=by,
        person_id=locked.pk,
        connections=stake.connections,
        tokens=stake.tokens,
        handles=stake.handles,
    )
    receipts.session_revoked(Subject(person=locked), event=event, now=now)
    forget(locked)
    language = locked.language or get_language() or ""
    notices.owe(Notice.Kind.ACCOUNT_DELETED, None, email=locked.email, now=now, language=language)
    locked.delete()
    return stake


def _end_access(person: User, *, by: User | None, actor: Actor, now: datetime) -> None:
    live = Connection.objects.filter(user=person, ended_at=None).order_by("pk")
    reasons = Connection.EndReason
    reason = reasons.PERSON if actor == Actor.PERSON else reasons.ADMINISTRATOR
    connections.revoke_all(live, reason=reason, now=now, by=by)
    personal_tokens.revoke_all(personal_tokens.live(now).filter(user=person).order_by("pk"), by=by, now=now)
    for seat in Membership.objects.filter(user=person).select_related("handle").order_by("handle"):
        events.record(
            Tag.MEMBER_REMOVED, actor=actor, by=by, person_id=person.pk, handle=seat.handle.slug, before=seat.role
        )
        seat.delete()


def forget(person: User) -> None:
    """Remove what names a person and is not tied to their row, which would go with it: steps, invitations to their
    address and mail to it, browser sessions, and what Django's admin noted of them."""
    TraceStep.objects.filter(person_id=person.pk).delete()
    Invitation.objects.filter(email=person.email).delete()
    Notice.objects.filter(user=None, email=person.email).delete()
    keys = UserSession.objects.filter(user=person).values_list("session_key", flat=True)
    Session.objects.filter(session_key__in=list(keys)).delete()
    noted = LogEntry.objects.filter(Q(object_id=str(person.pk)) | Q(object_repr__contains=person.email))
    theirs = [row.pk for row in noted if row.object_id == str(person.pk) or person.email in row.object_repr.split()]
    LogEntry.objects.filter(pk__in=theirs).delete()  # not of anne@example.com because of e@example.com


def _owned_alone(person: User) -> tuple[str, ...]:
    others = Membership.objects.filter(handle=OuterRef("handle"), role=Role.OWNER, user__is_active=True)
    seats = Membership.objects.filter(user=person, role=Role.OWNER).exclude(Exists(others.exclude(user=person)))
    return tuple(seats.order_by("handle__slug").values_list("handle__slug", flat=True))
