"""What the catalog offers to everybody: scopes, endpoints, and the servers that may ask about them."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from accounts.models import User
from authserver.models import Event, ProtectedResource, ResourceServer, Scope, ScopeBundle
from authserver.services import catalog, events, receipts
from authserver.services.events import Actor, Tag
from authserver.services.receipts import Subject


@transaction.atomic
def save_scope(scope: Scope, *, by: User, now: datetime, changed: Iterable[str]) -> None:
    """Store a scope as an administrator typed it; `changed` names the fields. Every process and every remembered
    answer sees it. Records catalog:changed."""
    scope.save()
    _tell_of(scope, Subject(), by=by, now=now, changed=changed)
    catalog.touch()


@transaction.atomic
def remove_scope(scope: Scope, *, by: User, now: datetime) -> None:
    """Delete a scope: it leaves every connection. Records catalog:changed."""
    _tell_of(scope, Subject(), by=by, now=now, is_removed=True)
    scope.delete()
    catalog.touch()


@transaction.atomic
def save_endpoint(endpoint: ProtectedResource, *, by: User, now: datetime, changed: Iterable[str]) -> None:
    """Store an endpoint as an administrator typed it, or withdraw it so that every connection to it is refused from
    the next request on. Records catalog:changed."""
    endpoint.save()
    _tell_of(endpoint, Subject(resource=endpoint), by=by, now=now, changed=changed, is_active=endpoint.is_active)


@transaction.atomic
def remove_endpoint(endpoint: ProtectedResource, *, by: User, now: datetime) -> None:
    """Delete an endpoint that no connection names. Records catalog:changed."""
    _tell_of(endpoint, Subject(resource=endpoint), by=by, now=now, is_removed=True)
    endpoint.delete()


@transaction.atomic
def save_server(server: ResourceServer, *, by: User, now: datetime, changed: Iterable[str]) -> None:
    """Store a resource server as an administrator typed it. A new one has its event from its secret; of others
    catalog:changed is recorded, and what they remember is told to be asked for again."""
    is_new = server._state.adding
    server.save()
    if not is_new:
        _tell_of(server, Subject(), by=by, now=now, changed=changed, is_active=server.is_active)


@transaction.atomic
def remove_server(server: ResourceServer, *, by: User, now: datetime) -> None:
    """Delete a resource server: it may ask about nothing any more. Records catalog:changed."""
    _tell_of(server, Subject(), by=by, now=now, is_removed=True)
    server.delete()


@transaction.atomic
def save_bundle(bundle: ScopeBundle, *, by: User, now: datetime, changed: Iterable[str]) -> None:
    """Store a bundle of scopes as an administrator typed it. It grants nothing: no answer changes. Records
    catalog:changed."""
    bundle.save()
    _record_of(bundle, by=by, changed=changed)


@transaction.atomic
def remove_bundle(bundle: ScopeBundle, *, by: User, now: datetime) -> None:
    """Delete a bundle of scopes. Records catalog:changed."""
    _record_of(bundle, by=by, is_removed=True)
    bundle.delete()


def _tell_of(
    row: Scope | ProtectedResource | ResourceServer,
    subject: Subject,
    *,
    by: User,
    now: datetime,
    changed: Iterable[str] = (),
    is_active: bool | None = None,
    is_removed: bool = False,
) -> None:
    event = _record_of(row, by=by, changed=changed, is_active=is_active, is_removed=is_removed)
    receipts.claims_changed(subject, event=event, now=now)


KINDS = {Scope: "scope", ScopeBundle: "bundle", ProtectedResource: "endpoint", ResourceServer: "resource_server"}


def _record_of(
    row: Scope | ScopeBundle | ProtectedResource | ResourceServer,
    *,
    by: User,
    changed: Iterable[str] = (),
    is_active: bool | None = None,
    is_removed: bool = False,
) -> Event:
    return events.record(
        Tag.CATALOG_CHANGED,
        actor=Actor.ADMINISTRATOR,
        by=by,
        kind=KINDS[type(row)],
        which=str(row.pk),
        fields=sorted(changed),
        is_active=is_active,
        is_removed=is_removed,
    )
