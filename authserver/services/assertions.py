"""Clients that prove themselves by signing: their keys, found and renewed, and the assertions they already used.

Obeys: RFC 7523 §3 (verify, refuse replays), RFC 7521 §4.2 (client authentication); CIMD §6.2 (keys by `jwks_uri`).
"""

import logging
from datetime import datetime

from django.core.cache import cache
from django.db import IntegrityError, transaction

from authserver import policy
from authserver.models import Client, SeenAssertion
from authserver.protocol import assertions, signing_keys
from authserver.protocol.assertions import Assertion
from authserver.protocol.errors import Refusal, invalid_client
from authserver.services import clients, fetcher
from authserver.services.fetcher import Fetched
from authserver.services.moving import issuers

log = logging.getLogger(__name__)


def _audiences() -> frozenset[str]:
    """Return what a client may name: issuer or token endpoint, by any of our names. One memory of what was used."""
    return frozenset(audience for issuer in issuers.everywhere() for audience in (issuer, f"{issuer}/oauth/token"))


def renew_keys(token: str | None, *, now: datetime) -> None:
    """Ask for a client's keys where this assertion is signed with one that we do not have: they rotate. At most once
    in policy.KEYS_RETRY_SECONDS per client. Call it outside any transaction: it waits for a stranger's host."""
    if not token:
        return
    asserted = assertions.read(token, audiences=_audiences(), now=now)
    client = clients.find(asserted.client_id) if isinstance(asserted, Assertion) else None
    if client is None or not isinstance(asserted, Assertion) or not _lacks_key(client, asserted, now):
        return
    if cache.add(f"keys:{client.pk}", True, policy.KEYS_RETRY_SECONDS):
        _fetch_keys(client, now=now)


def _lacks_key(client: Client, asserted: Assertion, now: datetime) -> bool:
    if not (client.is_active and client.signs and client.jwks_uri):
        return False
    is_old = client.jwks_fetched_at is None or now - client.jwks_fetched_at > policy.KEYS_AGE_MAX
    return is_old or not asserted.knows_key(client.jwks)


def _fetch_keys(client: Client, *, now: datetime) -> None:
    """Fetch and keep the keys at a client's `jwks_uri`; on failure the ones we have stay."""
    answer = fetcher.fetch(client.jwks_uri, bytes_max=policy.JWKS_BYTES_MAX)
    keys = signing_keys.parse(answer.content()) if isinstance(answer, Fetched) else None
    if not isinstance(keys, dict):
        log.warning("no keys for %s: %s", client.client_id, getattr(keys or answer, "reason", ""))
        return
    Client.objects.filter(pk=client.pk, jwks_uri=client.jwks_uri).update(jwks=keys, jwks_fetched_at=now)


def authenticate(client_id: str | None, token: str, *, now: datetime) -> Client | Refusal:
    """Return the client that signed this assertion, and remember that it was used.

    A client whose document also lists `none` is let in where its keys cannot be had: it could as well have come
    without proof, and its host may refuse to answer us.

    Refuses: invalid_client, reason assertion:…, or temporarily_unavailable where its keys cannot be had.
    """
    asserted = assertions.read(token, audiences=_audiences(), now=now)
    if isinstance(asserted, str):
        return invalid_client(f"assertion:{asserted}")
    if client_id and client_id != asserted.client_id:
        return invalid_client("assertion:other_client")
    client = clients.find(asserted.client_id)
    if client is None or not client.is_active or not client.signs:
        return invalid_client("assertion:client_does_not_sign")
    if not asserted.knows_key(client.jwks):
        return _without_keys(client, asserted)
    if not asserted.is_signed_by(client.jwks):
        return invalid_client("assertion:signature")
    return client if _is_first_use(asserted) else invalid_client("assertion:replayed")


def _without_keys(client: Client, asserted: Assertion) -> Client | Refusal:
    if client.jwks_fetched_at or not client.jwks_uri:
        return invalid_client("assertion:key_unknown")
    if client.also_public:
        log.warning("%s is let in unproven: its keys cannot be had, and it may come without proof", client.client_id)
        return client
    return Refusal("temporarily_unavailable", "The keys of this client cannot be fetched now.", "assertion:no_keys")


def _is_first_use(asserted: Assertion) -> bool:
    """Remember this assertion; tell whether nobody used it before, on any node. The database decides: of two that
    insert the same digest at once, one waits for the other and fails."""
    try:
        with transaction.atomic():
            SeenAssertion.objects.create(
                digest=asserted.digest, expires_at=asserted.expires_at + policy.ASSERTION_CLOCK_SKEW
            )
    except IntegrityError:
        return False
    return True
