"""Everything that is kept about a person, as one JSON document, piece by piece: however much it is, the memory stays
the same. Never a secret, and nothing that is somebody else's: not from where others acted, nor administrators' notes.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import F, QuerySet

from accounts.models import User
from authserver.models import (
    AccessToken,
    Connection,
    ConnectionUse,
    Event,
    Notice,
    PersonalAccessToken,
    RefreshToken,
    ToolUse,
    TraceStep,
)
from authserver.services import events
from authserver.services.events import Actor, Tag
from handles.models import Invitation, JoinRequest, Membership

FORMAT = 1
BATCH = 1_000
ACCOUNT = ("id", "email", "name", "language", "is_active", "is_staff", "created_at", "last_login", "signed_out_at")
CONNECTION = (
    "id", "client_name", "resource", "scopes", "approved_scopes", "withheld_scopes", "declined_scopes",
    "redirect_origin", "approved_address", "approved_agent", "last_address", "last_agent", "created_at", "approved_at",
    "last_used_at", "ended_at", "end_reason", "paused_at", "paused_by",
)  # fmt: skip
EVENT = ("id", "at", "tag", "actor", "actor_id", "person_id", "client_id", "handle", "connection_id", "address",
         "request_id", "detail")  # fmt: skip
STEP = (
    "id",
    "at",
    "kind",
    "ok",
    "code",
    "agent",
    "client_id",
    "resource",
    "handle",
    "connection_id",
    "count",
    "detail",
)
encode = DjangoJSONEncoder(ensure_ascii=False, indent=1).encode
Row = dict[str, Any]
Section = tuple[str, Iterable[Any]]  # its name, and its rows as mappings


def export(person: User, *, by: User | None, actor: Actor, now: datetime) -> Iterator[str]:
    """Return the document in pieces. Records person:exported, at once and not as it is read; `by` is None for a
    command."""
    events.record(Tag.PERSON_EXPORTED, actor=actor, by=by, person_id=person.pk)
    return _document(person, now)


def _document(person: User, now: datetime) -> Iterator[str]:
    about = {"format": FORMAT, "made_at": now, "account": User.objects.filter(pk=person.pk).values(*ACCOUNT).get()}
    yield encode(about)[:-2]
    for name, rows in _sections(person):
        yield f',\n "{name}": ['
        yield from (f"{',' if place else ''}\n{encode(row)}" for place, row in enumerate(rows))
        yield "]"
    yield "\n}\n"


def _sections(person: User) -> Iterator[Section]:
    yield from _account(person)
    yield from _standing(person)
    yield "connections", map(_connection, _paged(Connection.objects.filter(user=person).select_related("client")))
    tokens = PersonalAccessToken.objects.filter(user=person).annotate(at=F("handle__slug"))
    yield (
        "personal_access_tokens",
        tokens.values("id", "name", "at", "scopes", "hint", "created_at", "expires_at", "last_used_at", "ended_at"),
    )
    steps = TraceStep.objects.filter(person_id=person.pk)
    yield "steps_of_connecting", (_values(row, STEP) for row in _paged(steps))
    yield "events_about_you", _events(Event.objects.filter(person_id=person.pk), person)
    acts = Event.objects.filter(actor=Actor.PERSON, actor_id=str(person.pk)).exclude(person_id=person.pk)
    yield "what_you_did_for_others", _events(acts, person)


def _account(person: User) -> Iterator[Section]:
    yield "email_addresses", EmailAddress.objects.filter(user=person).values("email", "verified", "primary")
    elsewhere = SocialAccount.objects.filter(user=person)
    yield "sign_in_elsewhere", elsewhere.values("provider", "uid", "last_login", "date_joined", "extra_data")
    factors = Authenticator.objects.filter(user=person)
    yield "second_factors", factors.values("type", "created_at", "last_used_at")
    sessions = UserSession.objects.filter(user=person)
    yield "sessions", sessions.values("ip", "user_agent", "created_at", "last_seen_at")
    yield "mail", Notice.objects.filter(user=person).values("kind", "facts", "created_at", "sent_at")


def _standing(person: User) -> Iterator[Section]:
    seats = Membership.objects.filter(user=person).annotate(name=F("handle__slug"))
    yield "handles", seats.values("name", "role", "created_at")
    asked = JoinRequest.objects.filter(user=person).annotate(name=F("handle__slug"))
    yield "asked_to_join", asked.values("name", "asked_at", "declined_at")
    to_you = Invitation.objects.filter(email=person.email).annotate(name=F("handle__slug"))
    yield "invitations_to_you", to_you.values("name", "role", "created_at", "expires_at", "ended_at", "ending")
    by_you = Invitation.objects.filter(made_by=person).annotate(name=F("handle__slug"))
    yield "invitations_by_you", by_you.values("name", "role", "email", "created_at", "expires_at", "ended_at", "ending")


def _connection(row: Connection) -> Row:
    """Return a connection with how it was used; of its credentials only how many there are: the rest is digests."""
    uses = ConnectionUse.objects.filter(connection=row).order_by("day")
    calls = ToolUse.objects.filter(connection=row).order_by("day", "id")
    return _values(row, CONNECTION) | {
        "client_id": row.client.client_id,
        "handle": row.handle.slug,
        "access_tokens": AccessToken.objects.filter(connection=row).count(),
        "refresh_tokens": RefreshToken.objects.filter(connection=row).count(),
        "asked_about_per_day": list(uses.values("day", "introspections")),
        "tools_per_day": list(calls.values("day", "tool", "scopes", "outcome", "count")),
    }


def _events(rows: QuerySet[Event], person: User) -> Iterator[Row]:
    for event in _paged(rows):
        told = _values(event, EVENT)
        told["detail"] = {name: value for name, value in event.detail.items() if name != "note"}
        is_others = event.actor in (Actor.PERSON, Actor.ADMINISTRATOR) and event.actor_id != str(person.pk)
        yield told | ({"actor_id": "", "address": None} if is_others else {})


def _values(row: Any, names: Iterable[str]) -> Row:
    return {name: getattr(row, name) for name in names}


def _paged(rows: QuerySet[Any]) -> Iterator[Any]:
    """Yield rows in the order of their keys, a batch at a time: no cursor stays open while somebody reads slowly."""
    page = rows.order_by("pk")
    while batch := list(page[:BATCH]):
        yield from batch
        page = rows.filter(pk__gt=batch[-1].pk).order_by("pk")
