"""Which clients may connect to a handle, and ending everybody's connections of one."""

from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.contrib.messages import success
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from authserver import policy
from authserver.protocol import redirects
from authserver.protocol.governance import Decision, Entry, Kind, Mode
from authserver.services import clients
from authserver.services.governance import client_list, decisions, verdicts
from authserver.services.governance.client_list import Listed
from authserver.views.consent.asker import ClientView, client_view
from authserver.views.consent.seats import NOT_LET_IN
from authserver.views.handles.shared import MODES, administered, private
from handles.models import Handle


@dataclass(frozen=True)
class Choice:
    value: str
    title: str
    description: str
    is_checked: bool


@dataclass(frozen=True)
class Card:
    """One entry as the admins of a handle see it. `hosts` is where its clients send people."""

    listed: Listed
    name: str
    view: ClientView | None
    hosts: tuple[str, ...]
    is_local: bool
    is_one_of_many: bool
    status: str
    is_allowed: bool
    is_blocked: bool


@dataclass(frozen=True)
class ClientsPage:
    handle: Handle
    choices: tuple[Choice, ...]
    waiting: tuple[Card, ...]
    cards: tuple[Card, ...]
    errors: tuple[str, ...] = ()


@login_required
def client_page(request: HttpRequest, slug: str) -> HttpResponse:
    return _show(request, administered(request, slug))


def _show(request: HttpRequest, handle: Handle, *problems: str) -> HttpResponse:
    mode = client_list.mode_at(handle)
    listed = client_list.listed_at(handle)
    page = ClientsPage(
        handle=handle,
        choices=tuple(Choice(each.value, str(title), str(text), each == mode) for each, title, text in MODES),
        waiting=tuple(_card(each) for each in listed if each.waits),
        cards=tuple(_card(each) for each in listed if not each.waits),
        errors=problems,
    )
    status = 400 if problems else 200
    return private(render(request, "handles/clients.html", {"page": page}, status=status))


def _card(listed: Listed) -> Card:
    uris = listed.client.redirect_uri_list if listed.client else []
    places = [redirects.destination(uri) for uri in uris]
    decision = listed.rule.decision if listed.rule else None
    grouped = listed.client and verdicts.entry_of(listed.client).kind == Kind.FINGERPRINT
    return Card(
        listed=listed,
        name=listed.name,
        view=client_view(listed.client) if listed.client else None,
        hosts=tuple(dict.fromkeys(place.host for place in places)),
        is_local=any(place.kind != "https" for place in places),
        is_one_of_many=bool(grouped and listed.entry.kind == Kind.CLIENT_ID),
        status=_status(listed),
        is_allowed=decision == Decision.ALLOW,
        is_blocked=decision == Decision.BLOCK,
    )


def _status(listed: Listed) -> str:
    """Return what holds for an entry now, in words."""
    if listed.client and not listed.client.is_active:
        return _("Blocked by the people who run this server")
    if listed.waits:
        return _("Waits for you")
    if listed.rule:
        return _(str(Decision(listed.rule.decision).label))
    if listed.verdict.lets_in:
        return _("May connect")
    return NOT_LET_IN.get(listed.verdict, _("Has to ask first")).rstrip(".")


@login_required
def set_policy(request: HttpRequest, slug: str) -> HttpResponse:
    handle = administered(request, slug)
    if request.method != "POST":
        return _back(handle)
    mode = request.POST.get("mode", "")
    if mode not in Mode.values:
        return _show(request, handle, _("Choose who may connect."))
    decisions.set_policy(handle, Mode(mode), by=request.user, now=timezone.now())  # type: ignore[arg-type]
    success(request, _("Saved. It holds from the next request of every app on."))
    return _back(handle)


@login_required
def decide(request: HttpRequest, slug: str) -> HttpResponse:
    """Allow or block one entry: one that the page shows, or a client whose id was typed."""
    handle = administered(request, slug)
    if request.method != "POST":
        return _back(handle)
    decision = request.POST.get("decision", "")
    entry, name = _typed(request) if "client_id" in request.POST else _shown(request, handle)
    if entry is None or decision not in (Decision.ALLOW, Decision.BLOCK):
        return _show(request, handle, _("Type the client ID of the app, as the app shows it."))
    decided = Decision(decision)
    decisions.decide(handle, entry, decided, by=request.user, now=timezone.now())  # type: ignore[arg-type]
    allows = decided == Decision.ALLOW
    told = _("{app} may connect to @{handle}.") if allows else _("{app} is blocked at @{handle}.")
    success(request, told.format(app=name, handle=handle.slug))
    return _back(handle)


@login_required
def disconnect(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask once more, naming how many, then end everybody's connections of one entry at this handle."""
    handle = administered(request, slug)
    if request.method != "POST":
        return _back(handle)
    entry = Entry(request.POST.get("kind", ""), request.POST.get("value", ""))
    listed = client_list.find(handle, entry)
    if listed is None:
        raise Http404
    if request.POST.get("confirm") != "yes":
        return private(render(request, "handles/disconnect.html", {"handle": handle, "card": _card(listed)}))
    count = decisions.disconnect_everyone(handle, entry, by=request.user, now=timezone.now())  # type: ignore[arg-type]
    told = ngettext(
        "{app}: {count} connection to @{handle} ended.", "{app}: {count} connections to @{handle} ended.", count
    )
    success(request, told.format(app=listed.name, count=count, handle=handle.slug))
    return _back(handle)


def _shown(request: HttpRequest, handle: Handle) -> tuple[Entry | None, str]:
    """Return the entry that a button of the page speaks of, and its name."""
    listed = client_list.find(handle, Entry(request.POST.get("kind", ""), request.POST.get("value", "")))
    if listed is None:
        raise Http404
    return listed.entry, listed.name


def _typed(request: HttpRequest) -> tuple[Entry | None, str]:
    """Return the entry for a typed client id: all registrations of the same product, unless one is meant."""
    client_id = request.POST["client_id"].strip()
    if not client_id.isprintable() or not 0 < len(client_id) <= policy.CLIENT_ID_LENGTH_MAX:
        return None, ""
    client = clients.find(client_id)
    if client is None or request.POST.get("only_this") == "yes":
        return Entry(Kind.CLIENT_ID.value, client_id), client.name if client else client_id
    return verdicts.entry_of(client), client.name


def _back(handle: Handle) -> HttpResponse:
    return HttpResponseRedirect(reverse("handle_clients", args=[handle.slug]))
