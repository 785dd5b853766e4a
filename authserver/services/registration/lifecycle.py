"""Registrations after the first day: repaired, deleted, expired; and those that were made elsewhere."""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from authserver import policy
from authserver.models import Client, Connection
from authserver.protocol.client_metadata import ClientMetadata
from authserver.protocol.errors import Refusal, Refused
from authserver.services import batches, clients, connections, events, receipts
from authserver.services.batches import Pace
from authserver.services.events import Actor, Tag
from authserver.services.receipts import Subject
from authserver.services.registration.registering import Registered, Source, apply


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
