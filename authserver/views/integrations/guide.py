"""What the two pages of a handle's addresses show: the addresses, the way to connect one app, the use cases."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode, urlsplit

from django.utils.functional import Promise
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from authserver import policy
from authserver.languages.catalog import catalog_text
from authserver.models import DoctorReport, ProtectedResource, Scope, ScopeBundle
from authserver.protocol.setup.snippets import Server, is_below_localhost, is_on_this_computer
from authserver.services import catalog
from authserver.services.catalog import Endpoint
from authserver.services.endpoints import reports, words
from authserver.services.endpoints.words import Told
from authserver.views.integrations import clients
from authserver.views.integrations.clients import Client, Step
from handles.models import Handle
from handles.roles import Role, at_least

Kind, Stage = ProtectedResource.Kind, ProtectedResource.Stage
KINDS: Mapping[str, str | Promise] = {
    Kind.HOSTED: gettext_lazy("The handle is in the host name, so the app is tied to this handle."),
    Kind.COMPATIBILITY: gettext_lazy("The handle is in the path. It works without wildcard DNS and certificates."),
    Kind.GATEWAY: gettext_lazy("One address for every handle: people choose theirs while they connect."),
    Kind.OTHER: gettext_lazy("A further address, with connections of its own."),
}


@dataclass(frozen=True)
class Checked:
    """The last check of an address, in words. `client` is the app as which it was checked."""

    client: str
    answers: bool
    checked_at: datetime
    failed_since: datetime | None
    steps: tuple[Told, ...]


@dataclass(frozen=True)
class Address:
    """One address of the handle. `key` names it in the pages' own URLs, `server_name` in an app. `checked` is the last
    check as any app, `walked` the one as the app that is looked at."""

    key: str
    endpoint: Endpoint
    description: str
    server_name: str
    checked: Checked | None = None
    walked: Checked | None = None

    @property
    def is_draft(self) -> bool:
        return self.endpoint.stage == Stage.DRAFT


@dataclass(frozen=True)
class StepView:
    """One step with what to copy; `id` is the snippet's on the page."""

    text: str
    id: str
    snippet: str
    copy: str


@dataclass(frozen=True)
class Tab:
    """A link to the same page with another app or address chosen."""

    label: str
    query: str
    is_chosen: bool


@dataclass(frozen=True)
class Guide:
    """How to connect one app to one address."""

    client: Client
    address: Address
    tabs: tuple[Tab, ...]
    addresses: tuple[Tab, ...]
    steps: tuple[StepView, ...]
    more: tuple[StepView, ...]
    link: str
    obstacle: str
    hint: str


@dataclass(frozen=True)
class ScopeLine:
    name: str
    title: str
    level: str
    level_label: str
    needed: str


@dataclass(frozen=True)
class UseCase:
    """A use case: what it may do, and what to type where an app lets one choose scopes."""

    slug: str
    title: str
    lines: tuple[ScopeLine, ...]
    typed: str


def addresses_of(handle: Handle, *, walk: str = "", profile: str = "") -> tuple[Address, ...]:
    """Return the handle's addresses, production first, each with its last check where there was one; at the address
    whose key is `walk`, the last check as `profile` too."""
    found = sorted(catalog.endpoints_of(handle), key=lambda each: each.stage == Stage.DRAFT)
    last = reports.last([each.url for each in found])
    keys = _keys(found)
    looked_at = [each.url for key, each in zip(keys, found, strict=True) if key == walk]
    walked = reports.last(looked_at, profile=profile) if profile in words.PROFILES else {}
    return tuple(
        Address(
            key=key,
            endpoint=each,
            description=str(KINDS[each.kind]),
            server_name=f"{handle.slug}-{key}" if each.kind == Kind.OTHER else handle.slug,
            checked=_checked(last.get(each.url)),
            walked=_checked(walked.get(each.url)),
        )
        for key, each in zip(keys, found, strict=True)
    )


def _keys(endpoints: list[Endpoint]) -> list[str]:
    """Return a short name for each, of small letters, digits and hyphens, no two alike: they stand in addresses of
    pages and in commands."""
    keys: list[str] = []
    for number, each in enumerate(endpoints):
        key = each.kind if each.kind != Kind.OTHER else slugify(each.name)
        is_taken = each.kind == Kind.OTHER and (key in keys or key in Kind.values or not key)
        keys.append(f"{key or 'address'}-{number}" if is_taken else key)
    return keys


def _checked(row: DoctorReport | None) -> Checked | None:
    if row is None:
        return None
    return Checked(words.profile_name(row.profile), row.ok, row.at, row.failed_since, words.told(row))


def build(addresses: tuple[Address, ...], *, client: str, address: str) -> Guide | None:
    """Return the way to connect the app named `client` to the address named `address`; where there is no such one, the
    first app and the canonical address. None where no address can be connected to."""
    usable = [each for each in addresses if each.endpoint.is_active]
    if not usable:
        return None
    canonical = next((each for each in usable if each.endpoint.is_canonical), usable[0])
    chosen = next((each for each in usable if each.key == address), canonical)
    app = clients.find(client)
    server = Server(chosen.server_name, chosen.endpoint.url)
    return Guide(
        client=app,
        address=chosen,
        tabs=tuple(_tab(str(each.name), each.slug, chosen.key, is_chosen=each is app) for each in clients.CLIENTS),
        addresses=tuple(_tab(each.endpoint.name, app.slug, each.key, is_chosen=each is chosen) for each in usable),
        steps=_steps(app.steps, server, "step"),
        more=_steps(app.more, server, "more"),
        link=app.link.make(server) if app.link else "",
        obstacle=_obstacle(app, server.url),
        hint=_hint(app, server.url),
    )


def _tab(label: str, client: str, address: str, *, is_chosen: bool) -> Tab:
    return Tab(label, "?" + urlencode({"client": client, "address": address}) + "#connect", is_chosen)


def _steps(steps: tuple[Step, ...], server: Server, prefix: str) -> tuple[StepView, ...]:
    return tuple(
        StepView(
            text=str(each.text) % {"name": server.name},
            id=f"{prefix}-{number}",
            snippet=each.make(server) if each.make else "",
            copy=str(each.copy),
        )
        for number, each in enumerate(steps, start=1)
    )


def _obstacle(client: Client, url: str) -> str:
    """Return why this app cannot get to this address, as far as the address itself tells."""
    if not client.is_cloud:
        return ""
    names = {"client": str(client.name)}
    if is_on_this_computer(url):
        return _("%(client)s connects from the Internet, and this address leads only to this computer.") % names
    if urlsplit(url).scheme != "https":
        return _("%(client)s connects from the Internet and takes only https addresses. This is none.") % names
    return ""


def _hint(client: Client, url: str) -> str:
    """Return what may keep an app on this computer from finding the address."""
    if client.is_cloud or not is_below_localhost(url):
        return ""
    return _("Not every app finds names below localhost. If this one does not, choose another address.")


def use_cases(role: Role) -> tuple[UseCase, ...]:
    """Return the use cases that have active scopes, for somebody who holds this role."""
    bundles = ScopeBundle.objects.prefetch_related("scopes")
    found = ((bundle, [scope for scope in bundle.scopes.all() if scope.is_active]) for bundle in bundles)
    return tuple(_use_case(bundle, scopes, role) for bundle, scopes in found if scopes)


def _use_case(bundle: ScopeBundle, scopes: list[Scope], role: Role) -> UseCase:
    names = [scope.name for scope in scopes]
    return UseCase(
        slug=bundle.slug,
        title=catalog_text(bundle.title),
        lines=tuple(_line(scope, role) for scope in scopes),
        typed=" ".join(dict.fromkeys([policy.SESSION_SCOPE, *names])),
    )


def _line(scope: Scope, role: Role) -> ScopeLine:
    needed = "" if at_least(role, scope.role) else _("Needs the role %(role)s.") % {"role": Role(scope.role).label}
    return ScopeLine(scope.name, catalog_text(scope.title), scope.level, str(Scope.Level(scope.level).label), needed)
