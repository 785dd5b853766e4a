"""Registering: many at a time, in one transaction; public clients that say the same of themselves are one client."""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import attrgetter

from django.db import transaction
from django.utils import timezone

from authserver import policy
from authserver.models import Client
from authserver.protocol import client_metadata, credentials
from authserver.protocol.client_metadata import ClientMetadata
from authserver.services import clients, events, statements
from authserver.services.events import Actor, Entry, RequestFacts, Tag

Source = Client.RegistrationSource
Place = str | int  # in a batch: the key that equal registrations share, or the number of one that shares nothing
# What a new client has: every column but the key that the database gives, and those that are null at first.
COLUMNS = tuple(
    column.name
    for column in Client._meta.concrete_fields
    if not column.primary_key and (not column.null or column.name == "registration_key")
)
KEY = COLUMNS.index("registration_key")
_row = attrgetter(*COLUMNS)


@dataclass(frozen=True)
class Registrant:
    """Somebody who registers a client, and their request. `is_manual`: an administrator, at the console."""

    metadata: ClientMetadata
    facts: RequestFacts
    is_manual: bool = False


@dataclass(frozen=True)
class Registered:
    """A client and the secrets that are shown this once; `redirect_uris` as this registrant named them."""

    client: Client
    redirect_uris: tuple[str, ...] = ()
    secret: str | None = field(default=None, repr=False)
    registration_token: str | None = field(default=None, repr=False)


def register(metadata: ClientMetadata, *, is_manual: bool = False) -> Registered:
    """Register one client, as `register_all` does."""
    registrant = Registrant(metadata, events.current_request.get(), is_manual)
    return register_all([registrant], now=timezone.now())[0]


@transaction.atomic
def register_all(registrants: Sequence[Registrant], *, now: datetime) -> list[Registered]:
    """Register clients under new UUIDs, an outcome for each, in their order; secrets are kept as digests and returned
    this once. A few statements do, however many they are.

    Public clients that say the same of themselves are one client: they get the same id, and one row stands for a
    hundred thousand registrations. From the second on nobody holds a registration access token for it, because
    whoever asked first must not change what others use. A blocked client stays blocked however often it registers.

    Obeys: RFC 7591 §3.2.1 (identifier and secret), RFC 7592 §3 (registration access token).
    """
    places = [_key_of(registrant) or number for number, registrant in enumerate(registrants)]
    joined = {place for place, count in Counter(places).items() if count > 1}
    found = _settled(places)
    while missing := _missing(places, registrants, found):
        # First what may wait for others' new rows, then, in the order of keys, what may wait for others' locks; so no
        # two transactions wait for each other. What is neither made nor found had another key given meanwhile.
        found |= _made(missing, joined=joined, now=now)
        found |= _taken_over([place for place in missing if place not in found])
    outcomes = zip(places, registrants, strict=True)
    return [replace(found[place], redirect_uris=who.metadata.redirect_uris) for place, who in outcomes]


def _missing(
    places: Sequence[Place], registrants: Sequence[Registrant], found: Mapping[Place, Registered]
) -> dict[Place, Registrant]:
    """Return the first registrant of each place that has no client yet."""
    missing: dict[Place, Registrant] = {}
    for place, who in zip(places, registrants, strict=True):
        if place not in found:
            missing.setdefault(place, who)
    return missing


def _key_of(registrant: Registrant) -> str | None:
    """Return what equal registrations share, or None for a client that is shared with nobody."""
    is_public = registrant.metadata.auth_method == "none" and not registrant.is_manual
    return client_metadata.registration_key(registrant.metadata) if is_public else None


def _settled(places: Sequence[Place]) -> dict[Place, Registered]:
    """Return the clients that are shared already, by their keys. They need no lock: nobody manages them any more."""
    keys = {place for place in places if isinstance(place, str)}
    rows = Client.objects.filter(registration_key__in=keys) if keys else []
    return {str(row.registration_key): Registered(row) for row in rows if not row.registration_token_digest}


def _taken_over(places: Sequence[Place]) -> dict[Place, Registered]:
    """Return the clients that are shared from now on, by their keys, no longer changeable by their first registrant."""
    if not places:
        return {}
    rows = Client.objects.select_for_update().filter(registration_key__in=places).order_by("registration_key")
    found: dict[Place, Registered] = {str(row.registration_key): Registered(row) for row in rows}
    managed = [each.client for each in found.values() if each.client.registration_token_digest]
    for client in managed:
        client.registration_token_digest = b""
    if managed:
        Client.objects.filter(pk__in=[client.pk for client in managed]).update(registration_token_digest=b"")
    return found


def _made(wanted: Mapping[Place, Registrant], *, joined: set[Place], now: datetime) -> dict[Place, Registered]:
    """Insert these clients and return those that nobody else inserted meanwhile. Records client:registered for each."""
    drafts = {place: _draft(who, place, is_joined=place in joined, now=now) for place, who in wanted.items()}
    rows = sorted((_row(draft.client) for draft in drafts.values()), key=lambda row: row[KEY] or "")
    insertion = statements.inserting(
        Client, COLUMNS, rows, returning=("client_id", "id"), unless_equal="registration_key"
    )
    ids: dict[str, int] = dict(statements.fetch(insertion))  # type: ignore[arg-type]
    made = {place: draft for place, draft in drafts.items() if draft.client.client_id in ids}
    for draft in made.values():
        draft.client.pk, draft.client._state.adding = ids[draft.client.client_id], False
    events.record_all([_entry(draft.client, wanted[place].facts) for place, draft in made.items()], at=now)
    return made


def _draft(registrant: Registrant, place: Place, *, is_joined: bool, now: datetime) -> Registered:
    """Return a client that is not in the database yet. Where several join it from the start, none manages it."""
    source = Source.MANUAL if registrant.is_manual else Source.DCR
    client = Client(client_id=str(uuid.uuid4()), registration_source=source.value, created=now, updated=now)
    client.registration_key = place if isinstance(place, str) else None
    apply(client, registrant.metadata)
    secret = clients.first_secret(client)
    token = None if is_joined else credentials.generate(policy.REGISTRATION_TOKEN_PREFIX)
    client.registration_token_digest = credentials.digest(token) if token else b""
    return Registered(client, secret=secret, registration_token=token)


def _entry(client: Client, facts: RequestFacts) -> Entry:
    is_manual = client.registration_source == Source.MANUAL
    return Entry(
        tag=Tag.CLIENT_REGISTERED,
        actor=Actor.ADMINISTRATOR if is_manual else Actor.CLIENT,
        actor_id="" if is_manual else client.client_id,
        client_id=client.client_id,
        facts=facts,
        detail={"source": str(client.registration_source)},
    )


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
