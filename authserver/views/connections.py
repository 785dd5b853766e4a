"""A person's connected apps: what has access to what, and ending it."""

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.messages import success
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from authserver.models import Connection, Scope
from authserver.services import connections, receipts
from authserver.views.consent_page import client_view


@dataclass(frozen=True)
class ScopeLine:
    name: str
    title: str
    level: str
    level_label: str


@dataclass(frozen=True)
class Card:
    """One connection as its owner sees it."""

    id: UUID
    client_name: str
    client_id: str
    monogram: str
    badge: str
    proof_host: str
    handle: str
    handle_name: str
    resource: str
    levels: tuple[str, ...]
    scopes: tuple[ScopeLine, ...]
    redirect_host: str
    created_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True)
class ConnectionsPage:
    person: User
    cards: tuple[Card, ...]

    @property
    def count(self) -> int:
        return len(self.cards)


def _live(user: User) -> list[Connection]:
    """Return this person's live connections, those that were never used or only hold a refresh token too."""
    rows = Connection.objects.filter(user=user, ended_at=None).select_related("client", "handle")
    return list(rows.order_by("-created_at"))


def _card(connection: Connection, catalog: dict[str, Scope]) -> Card:
    view = client_view(connection.client)
    lines = tuple(_line(catalog[name]) for name in connection.scope_list if name in catalog and catalog[name].is_shown)
    levels = dict.fromkeys(line.level_label for line in sorted(lines, key=lambda line: _depth(line.level)))
    return Card(
        id=connection.pk,
        client_name=connection.client.name,
        client_id=connection.client.client_id,
        monogram=view.monogram,
        badge=view.badge,
        proof_host=view.proof_host,
        handle=connection.handle.slug,
        handle_name=connection.handle.display_name,
        resource=connection.resource,
        levels=tuple(levels),
        scopes=lines,
        redirect_host=urlsplit(next(iter(connection.client.redirect_uri_list), "")).netloc,
        created_at=connection.created_at,
        last_used_at=connection.last_used_at,
    )


def _line(scope: Scope) -> ScopeLine:
    return ScopeLine(scope.name, scope.title, scope.level, str(Scope.Level(scope.level).label))


def _depth(level: str) -> int:
    return list(Scope.Level.values).index(level)


def _catalog() -> dict[str, Scope]:
    return {scope.name: scope for scope in Scope.objects.filter(is_active=True)}


@login_required
def connection_list(request: HttpRequest) -> HttpResponse:
    user: User = request.user  # type: ignore[assignment]
    catalog = _catalog()
    page = ConnectionsPage(user, tuple(_card(connection, catalog) for connection in _live(user)))
    return _private(render(request, "connections/list.html", {"page": page}))


@login_required
def disconnect(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Ask once more, then end one connection of this person's; anybody else's is not found."""
    user: User = request.user  # type: ignore[assignment]
    found = Connection.objects.filter(pk=connection_id, user=user).select_related("client", "handle").first()
    if found is None:
        raise Http404
    if not _is_confirmed(request):
        return _private(render(request, "connections/confirm.html", {"card": _card(found, _catalog())}))
    connections.revoke(found, reason=Connection.EndReason.PERSON, now=timezone.now(), by=user)
    success(request, f"{found.client.name} no longer has access to @{found.handle.slug}. {receipts.sentence([found])}")
    return HttpResponseRedirect(reverse("connections"))


@login_required
def disconnect_all(request: HttpRequest) -> HttpResponse:
    """Ask once more, naming how many, then end every connection of this person's."""
    user: User = request.user  # type: ignore[assignment]
    live = _live(user)
    if not _is_confirmed(request):
        return _private(
            render(
                request,
                "connections/confirm.html",
                {"page": ConnectionsPage(user, tuple(_card(each, _catalog()) for each in live))},
            )
        )
    count = connections.revoke_all(live, reason=Connection.EndReason.PERSON, now=timezone.now(), by=user)
    success(request, f"{count} {'app' if count == 1 else 'apps'} disconnected. {receipts.sentence(live)}")
    return HttpResponseRedirect(reverse("connections"))


def _is_confirmed(request: HttpRequest) -> bool:
    return request.method == "POST" and request.POST.get("confirm") == "yes"


def _private(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response
