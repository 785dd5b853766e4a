"""Clients whose id is the address of their own description: found, fetched, kept, refreshed.

Only the authorization endpoint may cause a fetch, where a person waits for it: `resolve` asks for a document that was
never seen, `refresh` for one again, behind the request. The last good copy serves for as long as there is no newer
good one; a failure is never kept.

Obeys: CIMD §4 (fetch, match), §5 (cache within bounds; errors are not cached), §6.3 (a changed document).
"""

import json
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef

from authserver import policy
from authserver.models import Client, ClientDocument, Connection
from authserver.protocol import client_documents, client_ids
from authserver.protocol.client_documents import ClientDocument as Described
from authserver.protocol.errors import Refusal, invalid_client
from authserver.protocol.trace.steps import Kind
from authserver.services import alarms, batches, clients, corpus, events, fetcher, receipts, registration
from authserver.services.batches import Pace
from authserver.services.events import Actor, Tag
from authserver.services.fetcher import FetchFailed
from authserver.services.receipts import Subject
from authserver.services.trace import note

log = logging.getLogger(__name__)
TOLD = ("name", "redirect_uris", "auth_method", "also_public", "jwks", "jwks_uri")


@dataclass(frozen=True)
class Copy:
    """A good document, word for word and as it was read, for how long it is fresh, and where it is from: `fetched`, or
    `pinned` in this release."""

    content: dict[str, Any]
    document: Described
    lifetime: timedelta
    source: str


def resolve(client_id: str, *, now: datetime) -> Client | Refusal:
    """Return the client of this address: as kept, however old, or else fetched now and kept.

    Records client:registered for one that was not known. Refuses: invalid_client where the address is not fit for
    one, or what stands there describes no client; temporarily_unavailable where it cannot be had at the moment.
    """
    url = client_ids.document_url(client_id, any_port=settings.INSECURE_CIMD_ALLOW_LOOPBACK)
    if url is None:
        return invalid_client("document:address")
    known = clients.find(url)
    if known:
        return known
    copy = _ask(url)
    if isinstance(copy, Refusal):
        note(Kind.DOCUMENT, ok=False, code=copy.reason, client_id=url, **fetcher.status_in(copy.reason))
        return copy
    client = _keep(url, copy, now=now)
    note(Kind.DOCUMENT, code=f"document:{copy.source}", client_id=url)
    return client


def claim_refresh(client: Client, *, now: datetime) -> bool:
    """Tell whether the caller is to have this client's document refreshed: it is no longer fresh, and nobody else was
    told so for policy.DOCUMENT_RETRY_SECONDS, on any node."""
    is_fresh = client.cimd_expires_at is not None and client.cimd_expires_at > now
    if not client.has_document or not client.is_active or is_fresh:
        return False
    return cache.add(f"document:refresh:{client.pk}", True, policy.DOCUMENT_RETRY_SECONDS)


def refresh(client: Client, *, now: datetime) -> Refusal | None:
    """Ask for a client's document again and keep a good answer; return why there was none. Records
    client:document_changed where it says something else than before."""
    copy = _ask(client.client_id, or_pinned=False)
    if isinstance(copy, Refusal):
        log.warning("the copy of %s stays: %s", client.client_id, copy.reason)
        return copy
    _keep(client.client_id, copy, now=now)
    return None


def stale(*, now: datetime) -> list[Client]:
    """Return clients with live connections whose documents are no longer fresh, the oldest first."""
    live = Connection.objects.filter(client=OuterRef("pk"), ended_at=None)
    rows = Client.objects.filter(
        Exists(live), registration_source=Client.RegistrationSource.CIMD, is_active=True, cimd_expires_at__lt=now
    )
    return list(rows.order_by("cimd_expires_at")[: policy.REFRESH_BATCH])


def _ask(url: str, *, or_pinned: bool = True) -> Copy | Refusal:
    """Fetch and read a document. Hosts that refuse data centers leave the copy that this release carries of the
    well-known ones, for their exact addresses."""
    answer = fetcher.fetch(url, bytes_max=policy.DOCUMENT_BYTES_MAX)
    content = corpus.pinned(url) if isinstance(answer, FetchFailed) and or_pinned else None
    if isinstance(answer, FetchFailed) and content is None:
        return _unavailable(answer.reason) if answer.is_temporary else invalid_client(answer.reason)
    fetched = answer if isinstance(answer, fetcher.Fetched) else None
    said: Any = fetched.content() if fetched else content
    document = client_documents.parse(said, url=url, any_port=settings.INSECURE_CIMD_ALLOW_LOOPBACK)
    if isinstance(document, Refusal):
        return document
    seconds = fetched.max_age_seconds if fetched else policy.DOCUMENT_RETRY_SECONDS
    return Copy(said, document, timedelta(seconds=seconds), "fetched" if fetched else "pinned")


def _unavailable(reason: str) -> Refusal:
    return Refusal("temporarily_unavailable", "The description of this client cannot be fetched at the moment.", reason)


def _keep(url: str, copy: Copy, *, now: datetime) -> Client:
    """Store a good copy, as a new client or over the one before."""
    try:
        with transaction.atomic():
            known = Client.objects.select_for_update().filter(client_id=url).first()
            client = known or Client(client_id=url, registration_source=Client.RegistrationSource.CIMD)
            changed = _apply(client, copy, now=now)
            client.save()
            _keep_words(client, copy.content, now=now)
            _record(client, changed, is_new=known is None, source=copy.source)
    except IntegrityError:  # another request met the same document first
        return Client.objects.get(client_id=url)
    return client


def _keep_words(client: Client, content: dict[str, Any], *, now: datetime) -> None:
    """Keep a document word for word, and the one before it, for administrators to compare."""
    kept = ClientDocument.objects.filter(client=client).first()
    text = _written(content)
    if kept is None:
        ClientDocument.objects.create(client=client, content=text)
    elif kept.content != text:
        kept.content, kept.previous, kept.changed_at = text, kept.content, now
        kept.save()


def _written(content: dict[str, Any]) -> str:
    """Return a document as text in ASCII: a NaN, a NUL or half a character, which no database takes, is written too."""
    try:
        return json.dumps(content, indent=2, sort_keys=True)
    except RecursionError:
        return json.dumps(sorted(content), indent=2)


def _record(client: Client, changed: list[str], *, is_new: bool, source: str) -> None:
    if is_new:
        events.record(Tag.CLIENT_REGISTERED, actor=Actor.CLIENT, client=client, source="cimd", document=source)
    elif changed:
        event = events.record(Tag.CLIENT_DOCUMENT_CHANGED, actor=Actor.CLIENT, client=client, changed=changed)
        receipts.claims_changed(Subject(client=client), event=event, now=event.at)
        alarms.document_changed(client, changed, now=event.at)


def _apply(client: Client, copy: Copy, *, now: datetime) -> list[str]:
    """Set what the document says on the row, without saving it; return the names of what changed of it."""
    document = copy.document
    before = {name: getattr(client, name) for name in TOLD}
    registration.apply(client, document.metadata)
    client.also_public = document.also_public
    client.metadata_digest = document.digest()
    client.document_fetched_at = now if copy.source == "fetched" else client.document_fetched_at
    client.cimd_expires_at = now + copy.lifetime
    client.expired_at = None
    return [name for name in TOLD if getattr(client, name) != before[name]]


def forget_unused(*, now: datetime, pace: Pace | None = None) -> int:
    """Remove the clients whose documents were fetched and who were never allowed anything; return how many rows went.
    Nothing is lost with them: whoever comes with the address again is fetched again."""
    unused = Client.objects.filter(registration_source=Client.RegistrationSource.CIMD, last_used_at=None)
    old = unused.filter(created__lt=now - policy.UNUSED_REGISTRATION_LIFETIME, is_active=True, is_verified=False)
    rows = old.filter(~Exists(Connection.objects.filter(client=OuterRef("pk"))), expired_at=None)
    return batches.remove(rows, by="created", pace=pace or Pace(policy.PURGE_RUN), before=_forget_words)


def _forget_words(keys: list[Any]) -> None:
    """What a client said goes before it. One that stays after all is fetched again, when somebody comes with it."""
    ClientDocument.objects.filter(client__in=keys).delete()
