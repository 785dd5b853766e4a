"""One connection as its owner sees it, drawn in `templates/connections/_card.html`."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from authserver import policy
from authserver.languages.catalog import catalog_text, in_sentence
from authserver.models import Connection, Scope, ScopeRequest
from authserver.protocol.addresses import network_of
from authserver.protocol.connections import agents
from authserver.services import connections
from authserver.services.connections import PausedBy
from authserver.services.tools import waiting as tools_waiting
from authserver.views.connections import figures
from authserver.views.connections.figures import Figures
from authserver.views.consent.asker import client_view
from handles import access
from handles.roles import Role, at_least

PAUSED = {
    PausedBy.PERSON.value: gettext_lazy("Paused by you"),
    PausedBy.HANDLE_ADMIN.value: gettext_lazy("Paused by an admin of the handle"),
    PausedBy.ADMINISTRATOR.value: gettext_lazy("Paused by the people who run this server"),
}


@dataclass(frozen=True)
class ScopeLine:
    """One permission in the words of the consent page; `reason` says why it is worth nothing now."""

    name: str
    title: str
    level: str
    level_label: str
    reason: str = ""


@dataclass(frozen=True)
class Wish:
    """A permission that the client lacked when it wanted to use it."""

    scope: str
    what: str
    level: str
    level_label: str
    consequence: str
    tool: str


@dataclass(frozen=True)
class Card:
    id: UUID
    client_name: str
    client_id: str
    monogram: str
    badge: str
    proof_host: str
    handle: str
    handle_name: str
    resource: str
    may_act: bool
    levels: tuple[str, ...]
    scopes: tuple[ScopeLine, ...]
    wishes: tuple[Wish, ...]
    redirect_host: str
    created_at: datetime
    last_used_at: datetime | None
    is_unused: bool
    network: str
    program: str
    paused: str
    paused_at: datetime | None
    may_resume: bool
    new_tools: int
    figures: Figures


def of(person: User, *, now: datetime) -> list[Card]:
    """Return a card for each of this person's live connections, those that were never used or only hold a refresh
    token too; the newest first. The number of statements does not depend on how many there are."""
    live = Connection.objects.filter(user=person, ended_at=None)
    rows = live.select_related("client", "handle", "protected_resource")
    return cards(list(rows.order_by("-created_at")), person, now=now)


def cards(rows: list[Connection], person: User, *, now: datetime) -> list[Card]:
    """Return a card for each of these connections of this person's, in order."""
    catalog = active_scopes()
    roles = access.roles_in({row.handle for row in rows}, person)
    numbers = figures.of(rows, now=now)
    waiting, new_tools = connections.waiting_for(person), tools_waiting.counts(rows)
    return [
        replace(
            _card(row, catalog, role=roles[row.handle_id], numbers=numbers[row.pk], waiting=waiting, now=now),
            new_tools=new_tools.get(row.pk, 0),
        )
        for row in rows
    ]


def active_scopes() -> dict[str, Scope]:
    return {scope.name: scope for scope in Scope.objects.filter(is_active=True)}


def _card(
    connection: Connection,
    catalog: dict[str, Scope],
    *,
    role: Role | None,
    numbers: Figures,
    waiting: Iterable[ScopeRequest],
    now: datetime,
) -> Card:
    client = client_view(connection.client)
    shown = [catalog[name] for name in connection.scopes.split() if name in catalog and catalog[name].is_shown]
    lines = tuple(_line(scope, reason_not(scope, connection, role=role)) for scope in shown)
    mine = [row for row in waiting if row.connection_id == connection.pk and row.scope in catalog]
    return Card(
        id=connection.pk,
        client_name=client.name,
        client_id=client.client_id,
        monogram=client.monogram,
        badge=client.badge,
        proof_host=client.proof_host,
        handle=connection.handle.slug,
        handle_name=connection.handle.display_name,
        resource=connection.resource,
        may_act=role is not None,
        levels=_levels(lines),
        scopes=lines,
        wishes=tuple(_wish(row, catalog[row.scope]) for row in mine),
        redirect_host=_redirect_host(connection),
        created_at=connection.created_at,
        last_used_at=connection.last_used_at,
        is_unused=now - (connection.last_used_at or connection.created_at) > policy.UNUSED_BADGE_AFTER,
        network=network_of(connection.last_address or connection.approved_address or ""),
        program=agents.family(connection.last_agent or connection.approved_agent),
        paused=str(PAUSED.get(connection.paused_by, "")),
        paused_at=connection.paused_at,
        may_resume=connection.paused_by == PausedBy.PERSON,
        new_tools=0,
        figures=numbers,
    )


def reason_not(scope: Scope, connection: Connection, *, role: Role | None) -> str:
    """Return why what the person allowed here is worth nothing now, as words, or nothing."""
    if scope.name in connection.withheld_scopes.split():
        return _("Withheld by an admin of @%(handle)s") % {"handle": connection.handle.slug}
    if role is not None and not at_least(role, scope.role):
        return _("Needs the role %(role)s") % {"role": in_sentence(Role(scope.role).label)}
    return ""


def _line(scope: Scope, reason: str) -> ScopeLine:
    return ScopeLine(scope.name, scope.title, scope.level, str(Scope.Level(scope.level).label), reason)


def _levels(lines: tuple[ScopeLine, ...]) -> tuple[str, ...]:
    """Return how far a connection reaches now, from least to most."""
    depths = list(Scope.Level.values)
    held = sorted((line for line in lines if not line.reason), key=lambda line: depths.index(line.level))
    return tuple(dict.fromkeys(line.level_label for line in held))


def _wish(row: ScopeRequest, scope: Scope) -> Wish:
    what = in_sentence(catalog_text(scope.title))
    return Wish(scope.name, what, scope.level, str(Scope.Level(scope.level).label), scope.consequence, row.tool)


def _redirect_host(connection: Connection) -> str:
    """Return where the last approval was answered; for one from before that was kept, where its client is at home."""
    origin = connection.redirect_origin
    if not origin or "*" in origin:
        origin = next(iter(connection.client.redirect_uri_list), "")
    return urlsplit(origin).netloc or origin
