"""What admins of a handle do about its connections: pause, resume, withhold, end. Each says what happened."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.messages import error, success
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from authserver import policy
from authserver.models import Connection, Scope
from authserver.services import connections, receipts
from authserver.services.connections import EndReason, PausedBy
from authserver.services.governance import client_list
from authserver.views.handles.connections import Card, Search, card_of, find, read_search
from authserver.views.handles.shared import administered, private
from handles.models import Handle

US = PausedBy.HANDLE_ADMIN
Act = Callable[[HttpRequest, Handle, Card], None]


@dataclass(frozen=True)
class ScopeLine:
    """One scope of a connection. `is_theirs` tells whether its person allows it at the moment."""

    scope: Scope
    level_label: str
    is_let: bool
    is_fixed: bool
    is_theirs: bool


# --- One connection


@login_required
def connection(request: HttpRequest, slug: str, connection_id: UUID) -> HttpResponse:
    """Show what one connection may do, to be withheld or given back."""
    handle = administered(request, slug)
    row = find(handle, connection_id)
    page = {"handle": handle, "card": card_of(row, handle, now=timezone.now()), "lines": _lines(row)}
    return private(render(request, "handles/connections/one.html", {"page": page}))


def _lines(row: Connection) -> list[ScopeLine]:
    theirs, withheld = set(row.scopes.split()), set(row.withheld_scopes.split())
    shown = Scope.objects.filter(name__in=theirs | withheld, is_shown=True, is_active=True)
    return [
        ScopeLine(
            scope,
            str(Scope.Level(scope.level).label),
            is_let=scope.is_required or scope.name not in withheld,
            is_fixed=scope.is_required,
            is_theirs=scope.name in theirs,
        )
        for scope in shown
    ]


@login_required
def withhold(request: HttpRequest, slug: str, connection_id: UUID) -> HttpResponse:
    """Let a connection do what is ticked. What the form did not show stays as it is: the connection may have grown
    since."""
    return _act(request, slug, connection_id, _withhold)


def _withhold(request: HttpRequest, handle: Handle, card: Card) -> None:
    row = card.connection
    shown, let = set(request.POST.getlist("shown")), set(request.POST.getlist("scope"))
    untouched = set(row.withheld_scopes.split()) - shown
    taken = (shown & {line.scope.name for line in _lines(row)}) - let
    if connections.withhold(row, untouched | taken, by=_user(request), now=timezone.now()):
        success(request, _told(_("Saved: what @{handle} lets {app} do."), card, receipts.in_force(row)))
    else:
        success(request, _("Nothing was changed."))


@login_required
def pause(request: HttpRequest, slug: str, connection_id: UUID) -> HttpResponse:
    return _act(request, slug, connection_id, _pause)


def _pause(request: HttpRequest, handle: Handle, card: Card) -> None:
    if card.may_pause and connections.pause(card.connection, who=US, by=_user(request), now=timezone.now()):
        success(
            request, _told(_("{app} is paused until an admin resumes it."), card, receipts.in_force(card.connection))
        )
    else:
        error(request, _told(_("{app} is paused already."), card))


@login_required
def resume(request: HttpRequest, slug: str, connection_id: UUID) -> HttpResponse:
    return _act(request, slug, connection_id, _resume)


def _resume(request: HttpRequest, handle: Handle, card: Card) -> None:
    if card.may_resume and connections.resume(card.connection, who=US, by=_user(request), now=timezone.now()):
        success(request, _told(_("{app} is resumed: it works again from the next request on."), card))
    else:
        error(request, _told(_("{app} is not paused by an admin of @{handle}: who paused it can resume it."), card))


@login_required
def disconnect(request: HttpRequest, slug: str, connection_id: UUID) -> HttpResponse:
    """Ask once more, then end one connection."""
    handle = administered(request, slug)
    row = find(handle, connection_id)
    if request.method == "POST" and request.POST.get("confirm") != "yes":
        page = {"handle": handle, "card": card_of(row, handle, now=timezone.now())}
        return private(render(request, "handles/connections/end_one.html", {"page": page}))
    return _act(request, slug, connection_id, _disconnect)


def _disconnect(request: HttpRequest, handle: Handle, card: Card) -> None:
    connections.revoke(card.connection, reason=EndReason.HANDLE_ADMIN, now=timezone.now(), by=_user(request))
    heard = receipts.sentence([card.connection])
    success(request, _told(_("{app} no longer has access to @{handle}."), card, heard))


def _told(sentence: str, card: Card, more: str = "") -> str:
    return f"{sentence.format(app=card.name, handle=card.connection.handle.slug)} {more}".strip()


def _act(request: HttpRequest, slug: str, connection_id: UUID, act: Act) -> HttpResponse:
    """Find the connection at a handle that is administered, act on POST only, and go back to the list."""
    handle = administered(request, slug)
    row = find(handle, connection_id)
    if request.method == "POST":
        act(request, handle, card_of(row, handle, now=timezone.now()))
    return _back(handle)


# --- Many


@login_required
def disconnect_many(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask once more, naming how many, then end every connection that a search finds.

    The form repeats the count: a list that grew meanwhile is asked about again. At most policy.ENDED_AT_ONCE_MAX end
    with one press; the page comes back for the rest.
    """
    handle = administered(request, slug)
    if request.method != "POST":
        return _back(handle)
    search = read_search(request.POST, handle, client_list.listed_at(handle))
    rows = search.wanted.at(handle, now=timezone.now())
    count, told = rows.count(), request.POST.get("count", "")
    if not count or request.POST.get("confirm") != "yes" or told != str(count):
        return _ask(request, handle, search, count=count, told=told if request.POST.get("confirm") else "")
    batch = rows.select_related("client", "handle", "user").order_by("pk")[: policy.ENDED_AT_ONCE_MAX]
    ended = connections.revoke_all(batch, reason=EndReason.HANDLE_ADMIN, now=timezone.now(), by=_user(request))
    left = rows.count()
    if left:
        return _ask(request, handle, search, count=left, ended=ended)
    success(request, f"{_ended(handle, ended, search.whose)} {receipts.sentence(batch)}")
    return _back(handle)


def _ask(
    request: HttpRequest, handle: Handle, search: Search, *, count: int, told: str = "", ended: int = 0
) -> HttpResponse:
    page = {
        "handle": handle,
        "search": search,
        "count": count,
        "people": search.wanted.at(handle, now=timezone.now()).values("user").distinct().count(),
        "ended": ended,
        "changed": bool(told),
        "at_once": min(count, policy.ENDED_AT_ONCE_MAX),
    }
    return private(render(request, "handles/connections/end_many.html", {"page": page}))


def _ended(handle: Handle, count: int, whose: str) -> str:
    if not whose:
        told = ngettext("{count} connection to @{handle} ended.", "{count} connections to @{handle} ended.", count)
    else:
        told = ngettext(
            "{count} connection {whose} to @{handle} ended.", "{count} connections {whose} to @{handle} ended.", count
        )
    return told.format(count=count, whose=whose, handle=handle.slug)


def _user(request: HttpRequest) -> User:
    return request.user  # type: ignore[return-value]


def _back(handle: Handle) -> HttpResponse:
    return HttpResponseRedirect(reverse("handle_connections", args=[handle.slug]))
