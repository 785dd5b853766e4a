"""Events of the time between a backup and a loss, carried out once more as far as they take something away.

What they gave is not given: new members, apps and keys of that time are gone, and come back by their people. Each act
can be done twice. What did something is told to the ledger again: whoever restores the same backup once more has only
the exports of the ledger as it goes on from here. What only a person can judge is named, to be looked at.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.models import User
from authserver.models import (
    Client,
    ClientPolicy,
    ClientRule,
    Connection,
    InitialAccessToken,
    PersonalAccessToken,
    ResourceServer,
)
from authserver.protocol.governance import Decision, Mode
from authserver.services import connections, events, personal_data
from authserver.services.events import Actor, Tag
from authserver.services.restoring import closing, lines
from authserver.services.restoring.lines import Event, Files
from handles.models import Handle, Invitation, Membership
from handles.roles import RANK, Role

Act = Callable[[Event, datetime], object]
ROTATED, FORMER_ENDED = "secret_rotated", "former_secret_ended"  # what is told of a change of a secret


@dataclass
class Replayed:
    """How many events were read, up to when, what they did again, and what somebody has to look at."""

    read: int = 0
    until: str = ""
    done: Counter[str] = field(default_factory=Counter)
    look_at: list[str] = field(default_factory=list)


def replay(files: Files, *, now: datetime) -> Replayed:
    """Carry out again what was taken away. `files` gives the lines of the exports from their beginning each time: they
    are checked as a whole before anything is done. Records database:restored, connection:revoked for each connection
    that any event is about, and once more each event that did something else. Raises NotReplayable."""
    restored, told = lines.restored(), Replayed()
    for _ in lines.believed(files, after=restored):
        pass
    for event in lines.believed(files, after=restored):
        told.read, told.until = told.read + 1, max(told.until, str(event["at"]))
        with transaction.atomic():
            _once(event, told, now)
    events.record(Tag.DATABASE_RESTORED, actor=Actor.SYSTEM, read=told.read, until=told.until, done=dict(told.done))
    return told


def _once(event: Event, told: Replayed, now: datetime) -> None:
    tag = event["tag"]
    acted = tag in ACTS and bool(ACTS[tag](event, now))
    if acted:
        _tell_again(event, now)
    if _end_connection(event, now) or acted:
        told.done[tag] += 1
    if _is_to_look_at(event):
        who = event["person_id"] or event["client_id"] or event["handle"]
        told.look_at.append(f"{event['at']} {tag} {who} {LOOK_AT.get(tag, '')}".strip())


def _tell_again(event: Event, now: datetime) -> None:
    """Record what an event says as what it is now: something that this server does, by what somebody did."""
    again = events.Entry(
        tag=Tag(event["tag"]), actor=Actor.SYSTEM, facts=events.NO_REQUEST, actor_id=event["actor_id"],
        person_id=event["person_id"], client_id=event["client_id"], handle=event["handle"],
        detail=event["detail"] | {"again": event["id"]},
    )  # fmt: skip
    events.record_all([again], at=now)


def _is_to_look_at(event: Event) -> bool:
    detail = event["detail"]
    if event["tag"] == Tag.PERSON_CHANGED:
        return "email" in detail.get("fields", ()) or bool(detail.get("is_removed"))
    return event["tag"] in LOOK_AT and detail.get("change") != FORMER_ENDED


def _end_connection(event: Event, now: datetime) -> bool:
    """End the connection that an event is about, whatever it says: its keys were replaced, it was narrowed, it
    ended."""
    found = Connection.objects.filter(pk=event["connection_id"], ended_at=None).first()
    return bool(found and connections.revoke(found, reason=Connection.EndReason.RESTORED, now=now))


def _person(event: Event) -> User | None:
    return User.objects.filter(pk=event["person_id"]).first()


def _change_person(event: Event, now: datetime) -> bool:
    """Take the rights that an administrator took, and a password or an address that is no longer this person's."""
    person, detail = _person(event), event["detail"]
    if person is None:
        return False
    states = {name: pair[1] for name, pair in detail.get("states", {}).items()}
    lost = {name: False for name in ("is_active", "is_staff", "is_superuser") if states.get(name) is False}
    if detail.get("is_removed") or "email" in detail.get("fields", ()):
        lost["is_active"] = False
    forgot = "password" in detail.get("fields", ()) and _forget_password(event, now)
    return bool(lost and User.objects.filter(pk=person.pk).update(**lost)) or forgot


def _forget_password(event: Event, now: datetime) -> bool:
    """Make a person set a password by mail: the one that is restored may be the one that was given up."""
    person = _person(event)
    if person is None:
        return False
    person.set_unusable_password()
    person.save(update_fields=["password"])
    return True


def _deactivate(event: Event, now: datetime) -> bool:
    return bool(User.objects.filter(pk=event["person_id"], is_active=True).update(is_active=False))


def _erase(event: Event, now: datetime) -> bool:
    """Whoever was erased stays erased, whatever they own in the restored database."""
    person = _person(event)
    if person is None:
        return False
    personal_data.forget(person)
    person.delete()
    return True


def _sign_out(event: Event, now: datetime) -> bool:
    return bool(User.objects.filter(pk=event["person_id"]).update(signed_out_at=now))


def _remove_factors(event: Event, now: datetime) -> bool:
    """Remove every factor of the kind that was removed: which one it was the event does not say. The password goes with
    them, so that what is left is not weaker."""
    removed = Authenticator.objects.filter(user=event["person_id"], type=event["detail"].get("kind")).delete()[0]
    return bool(removed and _forget_password(event, now))


def _remove_member(event: Event, now: datetime) -> bool:
    seats = Membership.objects.filter(user=event["person_id"], handle__slug=event["handle"])
    return any([bool(seats.delete()[0]), _end_access(event, now)])


def _end_access(event: Event, now: datetime) -> bool:
    tokens = PersonalAccessToken.objects.filter(user=event["person_id"], handle__slug=event["handle"], ended_at=None)
    live = Connection.objects.filter(user=event["person_id"], handle__slug=event["handle"], ended_at=None)
    ended = connections.revoke_all(live, reason=Connection.EndReason.RESTORED, now=now, by=None)
    return bool(tokens.update(ended_at=now)) or bool(ended)


def _lower_role(event: Event, now: datetime) -> bool:
    return _lower(event["person_id"], event["handle"], event["detail"].get("role", ""))


def _transfer(event: Event, now: datetime) -> bool:
    """The one thing that is given: without its new owner a handle would have none, or the one who gave it away."""
    seats = Membership.objects.filter(handle__slug=event["handle"])
    to = seats.filter(user=event["person_id"]).update(role=Role.OWNER)
    return bool(to) and _lower(event["actor_id"], event["handle"], Role.ADMIN)


def _lower(person: str, handle: str, role: str) -> bool:
    seat = Membership.objects.filter(user=_uuid(person), handle__slug=handle).first()
    if seat is None or role not in RANK or RANK[role] >= RANK[seat.role]:
        return False
    seat.role = role
    seat.save(update_fields=["role"])
    return True


def _change_handle(event: Event, now: datetime) -> bool:
    """Make private what was made private, and suspend what was suspended or removed, until an administrator looks."""
    states = {name: pair[1] for name, pair in event["detail"].get("states", {}).items()}
    is_gone = event["tag"] == Tag.HANDLE_REMOVED or states.get("status") == Handle.Status.SUSPENDED
    lost: dict[str, str] = {}
    if is_gone:
        lost = {"status": Handle.Status.SUSPENDED, "suspended_by": Handle.SuspendedBy.ADMINISTRATOR}
    if states.get("visibility") == Handle.Visibility.PRIVATE:
        lost["visibility"] = Handle.Visibility.PRIVATE
    return bool(lost and Handle.objects.filter(slug=event["handle"]).update(**lost))


def _block_client(event: Event, now: datetime) -> bool:
    return bool(Client.objects.filter(client_id=event["client_id"], is_active=True).update(is_active=False))


def _void_client_secret(event: Event, now: datetime) -> bool:
    """Void the secrets of a client that was given another: the restored ones may be why."""
    change = event["detail"].get("change")
    with_secret = Client.objects.filter(client_id=event["client_id"]).exclude(secret_digest=b"")
    if change not in (ROTATED, FORMER_ENDED):
        return False
    return _void(with_secret, now, only_former=change == FORMER_ENDED)


def _void(rows: QuerySet[Any], now: datetime, *, only_former: bool) -> bool:
    """Void the secret of these rows and the former one that works beside it, or that one alone."""
    lost: dict[str, object] = {"previous_secret_digest": b"", "previous_secret_expires_at": None}
    if only_former:
        rows = rows.filter(previous_secret_expires_at__gt=now)
    else:
        lost["secret_digest"] = closing.nobodys_digest()
    return bool(rows.update(**lost))


def _block_at_handle(event: Event, now: datetime) -> bool:
    detail, handle = event["detail"], Handle.objects.filter(slug=event["handle"]).first()
    if handle is None or detail.get("decision") != Decision.BLOCK:
        return False
    kept = {"decision": Decision.BLOCK, "decided_at": now}
    ClientRule.objects.update_or_create(handle=handle, kind=detail["kind"], value=detail["value"], defaults=kept)
    return True


def _set_policy(event: Event, now: datetime) -> bool:
    mode, handle = event["detail"].get("mode"), Handle.objects.filter(slug=event["handle"]).first()
    if handle is None or mode not in Mode.values or mode == Mode.ALL:
        return False
    ClientPolicy.objects.update_or_create(handle=handle, defaults={"mode": mode})
    return True


def _end_token(event: Event, now: datetime) -> bool:
    named = Q(pk=_uuid(event["detail"].get("token")), ended_at=None)
    return bool(PersonalAccessToken.objects.filter(named).update(ended_at=now))


def _end_invitation(event: Event, now: datetime) -> bool:
    named = Invitation.objects.filter(pk=_uuid(event["detail"].get("invitation")), ended_at=None)
    return bool(named.update(ended_at=now, ending=Invitation.Ending.REVOKED))


def _void_server_secret(event: Event, now: datetime) -> bool:
    detail = event["detail"]
    named = ResourceServer.objects.filter(pk=_uuid(detail.get("resource_server")))
    return _void(named, now, only_former=detail.get("change") == FORMER_ENDED)


def _void_admission(event: Event, now: datetime) -> bool:
    detail = event["detail"]
    named = InitialAccessToken.objects.filter(pk=_uuid(detail.get("token")))
    return _void(named, now, only_former=detail.get("fields") == ["former_secret"])


def _close_in_catalog(event: Event, now: datetime) -> bool:
    """Turn off a resource server that was turned off or removed since: it would ask about credentials again."""
    detail = event["detail"]
    is_closed = detail.get("is_removed") or detail.get("is_active") is False
    if detail.get("kind") != "resource_server" or not is_closed:
        return False
    return bool(ResourceServer.objects.filter(pk=_uuid(detail.get("which")), is_active=True).update(is_active=False))


def _uuid(text: object) -> UUID:
    """Return the id that a detail names; of what names none, one that nothing has."""
    try:
        return UUID(str(text))
    except ValueError:
        return UUID(int=0)


ACTS: dict[str, Act] = {
    Tag.PERSON_CHANGED: _change_person,
    Tag.PERSON_ERASED: _erase,
    Tag.PERSON_SIGNED_OUT: _sign_out,
    Tag.PASSWORD_CHANGED: _forget_password,
    Tag.EMAIL_CHANGED: _deactivate,
    Tag.FACTOR_REMOVED: _remove_factors,
    Tag.MEMBER_REMOVED: _remove_member,
    Tag.MEMBER_ROLE_CHANGED: _lower_role,
    Tag.HANDLE_TRANSFERRED: _transfer,
    Tag.HANDLE_CHANGED: _change_handle,
    Tag.HANDLE_REMOVED: _change_handle,
    Tag.CLIENT_BLOCKED: _block_client,
    Tag.CLIENT_DELETED: _block_client,
    Tag.CLIENT_UPDATED: _void_client_secret,
    Tag.CLIENT_RULED: _block_at_handle,
    Tag.CLIENT_POLICY_SET: _set_policy,
    Tag.PERSONAL_TOKEN_REVOKED: _end_token,
    Tag.INVITATION_ACCEPTED: _end_invitation,
    Tag.INVITATION_DECLINED: _end_invitation,
    Tag.INVITATION_REVOKED: _end_invitation,
    Tag.RESOURCE_SERVER_ROTATED: _void_server_secret,
    Tag.CATALOG_CHANGED: _close_in_catalog,
    Tag.INITIAL_ACCESS_TOKEN_CREATED: _void_admission,
    Tag.INITIAL_ACCESS_TOKEN_CHANGED: _void_admission,
}
LOOK_AT: dict[str, str] = {
    Tag.EMAIL_CHANGED: "deactivated: give the account its new address, then activate it",
    Tag.PERSON_CHANGED: "an administrator changed its address or removed it: deactivated until that is right",
    Tag.HANDLE_REMOVED: "suspended: remove it again, or activate it",
    Tag.CLIENT_UPDATED: "its metadata or secret changed since",
    Tag.CLIENT_UNBLOCKED: "blocked again if it was blocked since",
    Tag.RESOURCE_SERVER_ROTATED: "its secrets are void: renew them",
    Tag.GROUP_CHANGED: "rights of administrators changed since",
    Tag.CATALOG_CHANGED: "scopes, endpoints or what a resource server may ask about changed since",
    Tag.SECRET_KEY_CHANGED: "what was sealed before needs the former key among SECRET_KEY_FALLBACKS: `keys reseal`",
    Tag.SIGNING_KEY_RETIRED: "a retired key signs again: rotate the signing key",
}
