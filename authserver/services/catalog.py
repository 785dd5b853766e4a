"""The scope catalog and the registered endpoints, as the rules need them.

The scope catalog is kept in memory and checked by its version, which every statement that needs it reads along; so a
change is seen by the next request on every node.
"""

from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from authserver.languages.catalog import catalog_text
from authserver.models import CatalogState, ProtectedResource, Scope
from authserver.protocol import resources, scopes
from authserver.protocol.control.scopes import ControlScope
from authserver.services import statements
from authserver.services.statements import Statement, Steps
from handles.models import Handle

Kind = ProtectedResource.Kind


@dataclass(frozen=True, eq=False)  # one edition is like no other: what was worked out from it may be kept with it
class Edition:
    """The scope catalog as it was at one version."""

    version: int
    catalog: scopes.Catalog


_newest = Edition(version=0, catalog={})
VERSION = Statement(f"SELECT version FROM {CatalogState._meta.db_table} WHERE id = 1")  # noqa: S608
SCOPES = Statement(
    f"SELECT name, role, level, is_required, is_shown FROM {Scope._meta.db_table}"  # noqa: S608
    f" WHERE is_active ORDER BY position, name"
)


def current() -> scopes.Catalog:
    """Return the active scopes in the catalog's order, as they are now."""
    rows = statements.fetch(VERSION)
    return edition_of(rows[0][0] if rows else 0).catalog


def edition_of(version: int) -> Edition:
    """Return the catalog of this version."""
    return statements.run(load(version))


def load(version: int) -> Steps[Edition]:
    """Return the catalog of this version: from memory, or read again where memory holds another one."""
    global _newest
    if _newest.version == version:
        return _newest
    rows = yield SCOPES
    rules = {
        name: scopes.Rule(name, role, level, bool(is_required), bool(is_shown))
        for name, role, level, is_required, is_shown in rows
    }
    _newest = edition = Edition(version=version, catalog=rules)
    return edition


def titles() -> dict[str, str]:
    """Return the words that people read for each scope, of the catalog and of the control plane, by its name, in the
    language that is spoken at the moment."""
    stored = Scope.objects.values_list("name", "title")
    words = {name: catalog_text(title) for name, title in stored}
    return words | {each.value: str(each.label) for each in ControlScope}


@transaction.atomic
def touch() -> None:
    """Tell every process that the catalog changed. Call it in the transaction of the change."""
    CatalogState.objects.get_or_create(pk=1)
    CatalogState.objects.filter(pk=1).update(version=F("version") + 1)


def address_of(resource: ProtectedResource) -> str:
    """Return the address of an endpoint as clients type it, `{handle}` standing for the handle."""
    return {
        Kind.GATEWAY.value: settings.GATEWAY_URL,
        Kind.HOSTED.value: settings.HOSTED_URL,
        Kind.COMPATIBILITY.value: settings.COMPAT_URL,
    }.get(resource.kind, resource.address)


def addresses_of(resource: ProtectedResource) -> list[str]:
    """Return today's address of an endpoint, and those of before that still lead to it: one endpoint, with one set of
    tools and servers, whose connections each keep the address that they were made for."""
    former = {
        Kind.GATEWAY.value: settings.FORMER_GATEWAY_URLS,
        Kind.HOSTED.value: settings.FORMER_HOSTED_URLS,
        Kind.COMPATIBILITY.value: settings.FORMER_COMPAT_URLS,
    }
    return [address_of(resource), *former.get(resource.kind, [])]


@dataclass(frozen=True)
class Endpoint:
    """One MCP address of a handle, as a client is given it."""

    kind: str
    name: str
    url: str
    stage: str
    is_active: bool
    is_canonical: bool


CANONICAL = (Kind.HOSTED.value, Kind.COMPATIBILITY.value, Kind.GATEWAY.value)  # the first that is active


def platform_addresses() -> dict[str, str]:
    """Return the addresses for all handles that are in use, by kind, `{handle}` standing for the handle."""
    rows = ProtectedResource.objects.filter(kind__in=CANONICAL, is_active=True)
    return {row.kind: address_of(row) for row in rows}


def endpoints_of(handle: Handle) -> list[Endpoint]:
    """Return the addresses of a handle: the platform's three, then its own and those that every handle has."""
    rows = ProtectedResource.objects.filter(Q(handle=None) | Q(handle=handle)).order_by("kind", "name", "pk")
    own = [row for row in rows if row.kind in CANONICAL or row.handle_id or resources.PLACEHOLDER in row.address]
    active = {row.kind for row in own if row.is_active}
    best = next((kind for kind in CANONICAL if kind in active), None)
    found = [
        Endpoint(
            row.kind, row.name, resources.fill(address_of(row), handle.slug), row.stage, row.is_active, row.kind == best
        )
        for row in own
    ]
    return sorted(found, key=lambda each: CANONICAL.index(each.kind) if each.kind in CANONICAL else len(CANONICAL))


def _pattern(resource: ProtectedResource, address: str) -> resources.Pattern:
    return resources.Pattern(
        id=str(resource.pk),
        kind=resource.kind,
        address=address,
        handle=resource.handle.slug if resource.handle else None,
        scopes=frozenset(scope.pk for scope in resource.scopes.all()),
        aliases=tuple(resource.aliases.split()),
    )


def patterns() -> list[resources.Pattern]:
    """Return every active endpoint, under each of its addresses."""
    rows = ProtectedResource.objects.filter(is_active=True).select_related("handle").prefetch_related("scopes")
    return [_pattern(row, address) for row in rows for address in addresses_of(row)]


def target_of(uri: str | None) -> resources.Target | None:
    """Return the endpoint that a `resource` parameter names; without one, the gateway (a client of 2025-03-26 sends
    none). None where there is no such endpoint.

    Obeys: RFC 8707 §2.
    """
    return resources.match(uri or settings.GATEWAY_URL, patterns())


def addresses_at(handle: Handle) -> list[tuple[str, str]]:
    """Return name and address, as clients type them, of every active endpoint that leads to this handle."""
    rows = ProtectedResource.objects.filter(Q(handle=None) | Q(handle=handle), is_active=True)
    return [(row.name, address_of(row).replace("{handle}", handle.slug)) for row in rows]
