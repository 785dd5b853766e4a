"""The life of a registration: made once however often it is asked for, repaired, ended, kept as a tombstone."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, QuerySet

from authserver import policy
from authserver.models import Client, Connection
from authserver.protocol import client_metadata, credentials
from authserver.protocol.client_metadata import ClientMetadata
from authserver.protocol.errors import Refusal, Refused
from authserver.services import batches, clients, connections, events, receipts
from authserver.services.batches import Pace
from authserver.services.events import Actor, Tag
from authserver.services.receipts import Subject

Source = Client.RegistrationSource


@dataclass(frozen=True)
class Registered:
    """A client and the secrets that are shown this once; `redirect_uris` as this registrant named them."""

    client: Client
    redirect_uris: tuple[str, ...]
    secret: str | None = field(default=None, repr=False)
    registration_token: str | None = field(default=None, repr=False)


def register(metadata: ClientMetadata, *, is_manual: bool = False) -> Registered:
    """Register a client under a new UUID; secrets are kept as digests and returned this once.

    Public clients that say the same of themselves are one client: they get the same id, and one row stands for a
    hundred thousand registrations. From the second on nobody holds a registration access token for it, because
    whoever asked first must not change what others use. A blocked client stays blocked however often it registers.

    Obeys: RFC 7591 §3.2.1 (identifier and secret), RFC 7592 §3 (registration access token).
    """
    key = client_metadata.registration_key(metadata) if metadata.auth_method == "none" and not is_manual else None
    shared = _join(key)
    if shared:
        return Registered(shared, metadata.redirect_uris)
    try:
        return _create(metadata, key=key, is_manual=is_manual)
    except IntegrityError:  # an equal registration was committed a moment ago
        return Registered(_join(key) or Client.objects.get(registration_key=key), metadata.redirect_uris)


@transaction.atomic
def _join(key: str | None) -> Client | None:
    """Return the client that equal registrations share, no longer changeable by its first registrant, or None."""
    client = Client.objects.select_for_update().filter(registration_key=key).first() if key else None
    if client and client.registration_token_digest:
        client.registration_token_digest = b""
        client.save(update_fields=["registration_token_digest"])
    return client


@transaction.atomic
def _create(metadata: ClientMetadata, *, key: str | None, is_manual: bool) -> Registered:
    source = Source.MANUAL if is_manual else Source.DCR
    client = Client(client_id=str(uuid.uuid4()), registration_source=source, registration_key=key)
    apply(client, metadata)
    secret = clients.first_secret(client)
    token = credentials.generate(policy.REGISTRATION_TOKEN_PREFIX)
    client.registration_token_digest = credentials.digest(token)
    client.save()
    actor = Actor.ADMINISTRATOR if is_manual else Actor.CLIENT
    events.record(Tag.CLIENT_REGISTERED, actor=actor, client=client, source=source.value)
    return Registered(client, metadata.redirect_uris, secret, token)


def apply(client: Client, metadata: ClientMetadata) -> None:
    """Set what the client says of itself on a row, without saving it."""
    client.authorization_grant_type = Client.GRANT_AUTHORIZATION_CODE
    client.name = metadata.name
    client.redirect_uris = " ".join(metadata.redirect_uris)
    client.auth_method = metadata.auth_method
    client.client_type = Client.CLIENT_CONFIDENTIAL if client.has_secret or client.signs else Client.CLIENT_PUBLIC
    # The keys at an address are kept in the same place, and outlive an update that names the same address.
    if not metadata.keys.uri or metadata.keys.uri != client.jwks_uri:
        client.jwks, client.jwks_fetched_at = metadata.keys.jwks, None
    client.jwks_uri, client.also_public = metadata.keys.uri, False
    client.may_refresh = metadata.may_refresh
    client.website_url = metadata.website_url
    client.policy_url = metadata.policy_url
    client.terms_url = metadata.terms_url
    client.software_id = metadata.software_id
    client.software_version = metadata.software_version
    client.fingerprint = client_metadata.fingerprint(metadata)
    client.metadata_digest = client_metadata.registration_key(metadata)


@transaction.atomic
def update(client: Client, metadata: ClientMetadata) -> Registered:
    """Replace a client's metadata: how a callback is added to a client that people already use.

    A secret is issued only where the client turns from public to confidential. Later registrations no longer join
    this client.

    Obeys:   RFC 7592 §2.2.
    Refuses: invalid_token (raised), reason registration:joined, where the token was taken back meanwhile.
    """
    client = _still_managed(client)
    had_secret = client.has_secret
    apply(client, metadata)
    client.registration_key = None
    secret = None if had_secret and client.has_secret else clients.first_secret(client)
    client.save()
    event = events.record(Tag.CLIENT_UPDATED, actor=Actor.CLIENT, client=client)
    receipts.claims_changed(Subject(client=client), event=event, now=event.at)
    return Registered(client, metadata.redirect_uris, secret)


@transaction.atomic
def delete(client: Client, *, now: datetime) -> None:
    """End a client's registration and every connection of it (RFC 7592 §2.3). The row stays as a tombstone, so that
    whoever still comes with the id is told what to do, and events keep their name. Refuses as `update` does."""
    client = _still_managed(client)
    for connection in Connection.objects.filter(client=client, ended_at=None):
        connections.revoke(connection, reason=Connection.EndReason.CLIENT_DELETED, now=now)
    _bury(client, now=now)
    events.record(Tag.CLIENT_DELETED, actor=Actor.CLIENT, client=client)


def _still_managed(client: Client) -> Client:
    """Return the client, locked, if the registration access token it was found by is still good."""
    locked = Client.objects.select_for_update().get(pk=client.pk)
    if bytes(locked.registration_token_digest) != bytes(client.registration_token_digest):
        raise Refused(Refusal("invalid_token", "The registration access token is void.", "registration:joined"))
    return locked


def _bury(client: Client, *, now: datetime) -> None:
    client.expired_at, client.registration_key = now, None
    client.secret_digest = client.previous_secret_digest = client.registration_token_digest = b""
    secrets = ["secret_digest", "previous_secret_digest", "registration_token_digest"]
    client.save(update_fields=["expired_at", "registration_key", *secrets])


def _unused(now: datetime) -> dict[str, QuerySet[Client]]:
    """Return the self-made registrations that nobody has used for their lifetime and that no connection needs, each
    kind under the field that it is found by: two searches, because an index answers only one at a time."""
    live = Connection.objects.filter(client=OuterRef("pk"), ended_at=None)
    rows = Client.objects.filter(~Exists(live), registration_source=Source.DCR, expired_at=None)
    return {
        "created": rows.filter(last_used_at=None, created__lt=now - policy.UNUSED_REGISTRATION_LIFETIME),
        "last_used_at": rows.filter(last_used_at__lt=now - policy.IDLE_REGISTRATION_LIFETIME),
    }


def expire_unused(*, now: datetime, pace: Pace | None = None) -> int:
    """End registrations that were never used, or not for policy.IDLE_REGISTRATION_LIFETIME; remove tombstones of those
    never used. Returns how many ended. Records client:expired for each."""
    pace, ended = pace or Pace(policy.PURGE_RUN), 0
    for by, rows in _unused(now).items():
        for batch in batches.walk(rows, by=by, pace=pace):
            for row in batch:
                with pace.step():
                    ended += _expire(rows.filter(pk=row[0]), now=now)
    _forget_tombstones(now, pace)
    return ended


def _forget_tombstones(now: datetime, pace: Pace) -> None:
    ended = Client.objects.filter(expired_at__lt=now - policy.TOMBSTONE_LIFETIME, last_used_at=None)
    rows = ended.filter(~Exists(Connection.objects.filter(client=OuterRef("pk"))), registration_source=Source.DCR)
    batches.remove(rows, by="expired_at", pace=pace)


@transaction.atomic
def _expire(unused: QuerySet[Client], *, now: datetime) -> bool:
    """End one unused registration; return False where somebody began to use it since it was picked."""
    client = unused.select_for_update().first()
    if client is None:
        return False
    _bury(client, now=now)
    events.record(Tag.CLIENT_EXPIRED, actor=Actor.SYSTEM, client=client)
    return True


@transaction.atomic
def adopt(client_id: str, redirect_uri: str) -> Client:
    """Take in a client id that is unknown here, as a public client with this one callback.

    Only for the callback hosts that an administrator named (settings.ADOPT_UNKNOWN_CLIENTS_FROM), after a move from
    another server; a row is made, so the same id is known from then on.
    """
    metadata = ClientMetadata.of_callback(redirect_uri)
    client = Client(client_id=client_id, registration_source=Source.DCR)
    apply(client, metadata)
    client.save()
    events.record(Tag.CLIENT_ADOPTED, actor=Actor.SYSTEM, client=client)
    return client
