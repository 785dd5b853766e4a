"""Clients: found, authenticated, given secrets, kept by administrators. `registration` has how they come and go."""

import hmac
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from authserver import policy
from authserver.models import Client
from authserver.protocol import credentials
from authserver.protocol.errors import Refusal, invalid_client
from authserver.services import events, receipts, statements
from authserver.services.events import Actor, Tag
from authserver.services.receipts import Subject
from authserver.services.rotation import overlap
from authserver.services.statements import Statement


def find(client_id: str | None) -> Client | None:
    """Return the client of this id, blocked ones too, or None. Any text may be asked for."""
    if not client_id or len(client_id) > policy.CLIENT_ID_LENGTH_MAX or "\x00" in client_id:
        return None
    return Client.objects.filter(client_id=client_id).first()


# What the token endpoint needs to know of a client; the rest is read when it is asked for.
AT_TOKEN_ENDPOINT = (
    "id", "client_id", "auth_method", "also_public", "secret_digest", "previous_secret_digest",
    "previous_secret_expires_at", "may_refresh", "last_used_at", "expired_at", "is_active",
)  # fmt: skip


def find_all(client_ids: Collection[str | None]) -> dict[str, Client]:
    """Return the clients of these ids, blocked ones too, with one statement. Any text may be asked for."""
    wanted = [each for each in client_ids if each and len(each) <= policy.CLIENT_ID_LENGTH_MAX and "\x00" not in each]
    if not wanted:
        return {}
    condition = statements.among("client_id", wanted, kind="text")
    table = Client._meta.db_table
    text = f"SELECT {', '.join(AT_TOKEN_ENDPOINT)} FROM {table} WHERE {condition.text}"  # noqa: S608
    rows = statements.fetch(Statement(text, condition.parameters))
    found = [
        Client.from_db(database.alias, AT_TOKEN_ENDPOINT, list(map(_stored, AT_TOKEN_ENDPOINT, row))) for row in rows
    ]
    return {client.client_id: client for client in found}


def _stored(name: str, value: Any) -> Any:
    """Return a column's value as the model has it."""
    return statements.time_of(value) if value is not None and name.endswith("_at") else value


def first_secret(client: Client) -> str | None:
    """Set a new secret on a row, without saving it, and return it; None for a client that has none to have."""
    client.previous_secret_digest, client.previous_secret_expires_at = b"", None
    if not client.has_secret:
        client.secret_digest = b""
        return None
    secret = credentials.generate(policy.CLIENT_SECRET_PREFIX)
    client.secret_digest = credentials.digest(secret)
    return secret


@transaction.atomic
def rotate_secret(client: Client, *, by: User | None, now: datetime) -> str | None:
    """Give a confidential client a new secret and return it; None for a public client. The old one works on for
    policy.SECRET_OVERLAP, so that the client can change over without a gap. Records client:updated."""
    client.refresh_from_db(from_queryset=Client.objects.select_for_update())
    secret = credentials.generate(policy.CLIENT_SECRET_PREFIX) if client.has_secret else None
    overlap.begin(client, credentials.digest(secret) if secret else b"", now=now)
    actor = Actor.ADMINISTRATOR if by else Actor.SYSTEM
    events.record(Tag.CLIENT_UPDATED, actor=actor, by=by, client=client, change="secret_rotated")
    return secret


@transaction.atomic
def end_former_secret(client: Client, *, by: User | None = None, now: datetime) -> bool:
    """Let the secret before this one work no longer; return whether there was one that did. Records
    client:updated."""
    client.refresh_from_db(from_queryset=Client.objects.select_for_update())
    ended = overlap.end(client, now=now)
    if ended:
        actor = Actor.ADMINISTRATOR if by else Actor.SYSTEM
        events.record(Tag.CLIENT_UPDATED, actor=actor, by=by, client=client, change="former_secret_ended")
    return ended


@transaction.atomic
def save_by_administrator(client: Client, *, by: User, changed: list[str], is_new: bool) -> None:
    """Store an administrator's form. `changed` names the fields; blocking and letting in again have events of their
    own, and a client that turns public loses its secret."""
    client.authorization_grant_type = Client.GRANT_AUTHORIZATION_CODE
    client.client_type = Client.CLIENT_CONFIDENTIAL if client.has_secret else Client.CLIENT_PUBLIC
    client.redirect_uris = " ".join(client.redirect_uri_list)
    client.registration_key = None  # what an administrator shaped is joined by nobody
    if not client.has_secret:
        client.secret_digest = client.previous_secret_digest = b""
    if is_new or "is_verified" in changed:
        client.verified_at = timezone.now() if client.is_verified else None
    client.save()
    tag = Tag.CLIENT_REGISTERED if is_new else Tag.CLIENT_UPDATED
    if not is_new and "is_active" in changed:
        tag = Tag.CLIENT_UNBLOCKED if client.is_active else Tag.CLIENT_BLOCKED
    event = events.record(tag, actor=Actor.ADMINISTRATOR, by=by, client=client, changed=sorted(changed))
    if not is_new:
        receipts.claims_changed(Subject(client=client), event=event, now=event.at)


def authenticate(client_id: str | None, secret: str | None, *, now: datetime) -> Client | Refusal:
    """Return the client that these credentials prove, or invalid_client; junk costs one query and one hash.

    A client with a secret must present it, in the header or in the form, whichever it registered: real clients mix
    the two. A public client has none to present.

    Obeys: RFC 6749 §2.3.1, §3.2.1.
    """
    return proven(find(client_id), secret, now=now)


def proven(client: Client | None, secret: str | None, *, now: datetime) -> Client | Refusal:
    """Return a client that was found by its id, as `authenticate` does."""
    if client is None:
        return invalid_client("client:unknown")
    if not client.is_active:
        return invalid_client("client:blocked")
    if client.expired_at:
        return invalid_client("client:expired")
    if client.signs and not client.also_public:
        return invalid_client("client:assertion_missing")
    if not client.has_secret:
        return invalid_client("client:secret_from_public_client") if secret else client
    if not secret:
        return invalid_client("client:secret_missing")
    return client if _knows(client, credentials.digest(secret), now) else invalid_client("client:secret_wrong")


def _knows(client: Client, digest: bytes, now: datetime) -> bool:
    """Tell whether this is the client's secret, or the one before it while it still works on."""
    if hmac.compare_digest(bytes(client.secret_digest), digest):
        return True
    former = overlap.former_of(client, now=now)
    return former is not None and hmac.compare_digest(former, digest)


def mark_used(used: Collection[Client], *, now: datetime) -> None:
    """Note that people use these clients, at most once a day: their registrations live on from here. A row that
    somebody else holds is left for the next time, so that this never waits."""
    before = now - policy.CLIENT_LAST_USED_RESOLUTION
    stale = {client.pk for client in used if client.last_used_at is None or client.last_used_at < before}
    if stale:
        free = Client.objects.filter(pk__in=stale)
        if database.vendor == "postgresql":
            free = free.order_by().select_for_update(skip_locked=True, no_key=True)
        Client.objects.filter(pk__in=list(free.values_list("pk", flat=True))).update(last_used_at=now)


def of_registration_token(client_id: str, token: str) -> Client | None:
    """Return the client that this registration access token manages, or None (RFC 7592 §3)."""
    client = find(client_id)
    if client is None or not client.is_usable(None) or not client.registration_token_digest:
        return None
    matches = hmac.compare_digest(bytes(client.registration_token_digest), credentials.digest(token))
    return client if matches else None
