"""The life of a client: registered, found, authenticated, repaired, blocked, deleted."""

import hmac
import uuid
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from accounts.models import User
from authserver import policy
from authserver.models import Client, Connection
from authserver.protocol import credentials
from authserver.protocol.client_metadata import ClientMetadata
from authserver.protocol.errors import Refusal, invalid_client
from authserver.services import connections, events
from authserver.services.events import Actor, Tag


@dataclass(frozen=True)
class Registered:
    """A client and the secrets that are shown this once."""

    client: Client
    secret: str | None = field(repr=False)
    registration_token: str | None = field(repr=False)


def find(client_id: str | None) -> Client | None:
    """Return the client of this id, blocked ones too, or None. Any text may be asked for."""
    if not client_id or len(client_id) > policy.CLIENT_ID_LENGTH_MAX or "\x00" in client_id:
        return None
    return Client.objects.filter(client_id=client_id).first()


@transaction.atomic
def register(
    metadata: ClientMetadata,
    *,
    source: Client.RegistrationSource = Client.RegistrationSource.DCR,
    by: User | None = None,
) -> Registered:
    """Register a client under a new UUID; secrets are kept as digests and returned this once.

    Obeys: RFC 7591 §3.2.1 (identifier and secret), RFC 7592 §3 (registration access token).
    """
    client = Client(
        client_id=str(uuid.uuid4()),
        registration_source=source,
        authorization_grant_type=Client.GRANT_AUTHORIZATION_CODE,
    )
    _apply(client, metadata)
    secret = _renew_secret(client)
    token = credentials.generate(policy.REGISTRATION_TOKEN_PREFIX)
    client.registration_token_digest = credentials.digest(token)
    client.save()
    actor = Actor.ADMINISTRATOR if by else Actor.CLIENT
    events.record(Tag.CLIENT_REGISTERED, actor=actor, by=by, client=client, source=source.value)
    return Registered(client, secret, token)


def _apply(client: Client, metadata: ClientMetadata) -> None:
    client.name = metadata.name
    client.redirect_uris = " ".join(metadata.redirect_uris)
    client.auth_method = metadata.auth_method
    client.client_type = Client.CLIENT_CONFIDENTIAL if client.has_secret else Client.CLIENT_PUBLIC
    client.may_refresh = metadata.may_refresh
    client.website_url = metadata.website_url
    client.policy_url = metadata.policy_url
    client.terms_url = metadata.terms_url
    client.software_id = metadata.software_id
    client.software_version = metadata.software_version


def _renew_secret(client: Client) -> str | None:
    if not client.has_secret:
        client.secret_digest = b""
        return None
    secret = credentials.generate(policy.CLIENT_SECRET_PREFIX)
    client.secret_digest = credentials.digest(secret)
    return secret


@transaction.atomic
def update(client: Client, metadata: ClientMetadata) -> Registered:
    """Replace a client's metadata: how a callback is added to a client that people already use.

    A secret is issued only where the client turns from public to confidential.

    Obeys: RFC 7592 §2.2.
    """
    had_secret = client.has_secret
    _apply(client, metadata)
    secret = None if had_secret and client.has_secret else _renew_secret(client)
    client.save()
    events.record(Tag.CLIENT_UPDATED, actor=Actor.CLIENT, client=client)
    return Registered(client, secret, None)


@transaction.atomic
def rotate_secret(client: Client, *, by: User) -> str | None:
    """Give a confidential client a new secret, the old one void at once; None for a public client."""
    secret = _renew_secret(client)
    client.save(update_fields=["secret_digest"])
    events.record(Tag.CLIENT_UPDATED, actor=Actor.ADMINISTRATOR, by=by, client=client, change="secret_rotated")
    return secret


@transaction.atomic
def delete(client: Client, *, now: datetime) -> None:
    """End a client's registration and every connection of it (RFC 7592 §2.3). The row stays, blocked and without
    secrets, so that its events and connections keep their name."""
    for connection in Connection.objects.filter(client=client, ended_at=None):
        connections.revoke(connection, reason=Connection.EndReason.CLIENT_DELETED, now=now)
    client.is_active = False
    client.secret_digest = client.registration_token_digest = b""
    client.save(update_fields=["is_active", "secret_digest", "registration_token_digest"])
    events.record(Tag.CLIENT_DELETED, actor=Actor.CLIENT, client=client)


@transaction.atomic
def save_by_administrator(client: Client, *, by: User, changed: list[str], is_new: bool) -> None:
    """Store an administrator's form. `changed` names the fields; blocking and letting in again have events of their
    own, and a client that turns public loses its secret."""
    client.authorization_grant_type = Client.GRANT_AUTHORIZATION_CODE
    client.client_type = Client.CLIENT_CONFIDENTIAL if client.has_secret else Client.CLIENT_PUBLIC
    client.redirect_uris = " ".join(client.redirect_uri_list)
    if not client.has_secret:
        client.secret_digest = b""
    client.save()
    tag = Tag.CLIENT_REGISTERED if is_new else Tag.CLIENT_UPDATED
    if not is_new and "is_active" in changed:
        tag = Tag.CLIENT_UNBLOCKED if client.is_active else Tag.CLIENT_BLOCKED
    events.record(tag, actor=Actor.ADMINISTRATOR, by=by, client=client, changed=sorted(changed))


def authenticate(client_id: str | None, secret: str | None) -> Client | Refusal:
    """Return the client that these credentials prove, or invalid_client; junk costs one query and one hash.

    A client with a secret must present it, in the header or in the form, whichever it registered: real clients mix
    the two. A public client has none to present.

    Obeys: RFC 6749 §2.3.1, §3.2.1.
    """
    client = find(client_id)
    if client is None:
        return invalid_client("client:unknown")
    if not client.is_active:
        return invalid_client("client:blocked")
    if client.signs and not client.also_public:
        return invalid_client("client:assertion_missing")
    if not client.has_secret:
        return invalid_client("client:secret_from_public_client") if secret else client
    if not secret:
        return invalid_client("client:secret_missing")
    if not hmac.compare_digest(bytes(client.secret_digest), credentials.digest(secret)):
        return invalid_client("client:secret_wrong")
    return client


def of_registration_token(client_id: str, token: str) -> Client | None:
    """Return the client that this registration access token manages, or None (RFC 7592 §3)."""
    client = find(client_id)
    if client is None or not client.is_active or not client.registration_token_digest:
        return None
    matches = hmac.compare_digest(bytes(client.registration_token_digest), credentials.digest(token))
    return client if matches else None
