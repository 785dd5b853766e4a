"""A handle's control plane for its admins and owners: which clients may connect, and ending what is connected."""

from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.contrib.messages import success
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from authserver import policy
from authserver.protocol import redirects
from authserver.protocol.governance import Decision, Entry, Kind, Mode
from authserver.services import clients
from authserver.services.governance import client_list, decisions, verdicts
from authserver.services.governance.client_list import Listed
from authserver.views.consent_page import NOT_LET_IN, ClientView, client_view
from handles import access
from handles.access import Seat
from handles.models import Handle
from handles.roles import Role, at_least

MODES = (
    (Mode.ALL, "Every app", "Any app may connect, except those that you block."),
    (Mode.VERIFIED, "Verified apps only", "Apps whose maker the people who run this server have checked."),
    (Mode.ASK, "Ask us first", "A new app waits on this page until you allow it. Apps that are connected now stay."),
    (Mode.LISTED, "Only apps on the list", "Apps that you allowed on this page. All others are cut off at once."),
)


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


def _administered(request: HttpRequest, slug: str) -> Handle:
    """Return the handle of this name, if the person is an admin or owner of it now; to everybody else it is not
    there."""
    handle = access.find(slug)
    role = access.role_in(handle, request.user) if handle else None  # type: ignore[arg-type]
    if handle is None or role is None or not at_least(role, Role.ADMIN):
        raise Http404
    return handle


def _private(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response


# --- Handles


@login_required
def handle_list(request: HttpRequest) -> HttpResponse:
    user: User = request.user  # type: ignore[assignment]
    seats = [seat for seat in access.seats_of(user) if at_least(seat.role, Role.ADMIN)]
    return _private(render(request, "handles/list.html", {"seats": seats}))


@login_required
def overview(request: HttpRequest, slug: str) -> HttpResponse:
    handle = _administered(request, slug)
    role = access.role_in(handle, request.user)  # type: ignore[arg-type]
    listed = client_list.listed_at(handle)
    page = {
        "seat": Seat(handle, role or Role.ADMIN),
        "policy": next(title for mode, title, _ in MODES if mode == client_list.mode_at(handle)),
        "waiting": sum(each.waits for each in listed),
        "apps": sum(bool(each.use.connections) for each in listed),
    }
    return _private(render(request, "handles/overview.html", {"page": page}))


# --- Clients of one handle


@login_required
def client_page(request: HttpRequest, slug: str) -> HttpResponse:
    return _show(request, _administered(request, slug))


def _show(request: HttpRequest, handle: Handle, *problems: str) -> HttpResponse:
    mode = client_list.mode_at(handle)
    listed = client_list.listed_at(handle)
    page = ClientsPage(
        handle=handle,
        choices=tuple(Choice(each.value, title, text, each == mode) for each, title, text in MODES),
        waiting=tuple(_card(each) for each in listed if each.waits),
        cards=tuple(_card(each) for each in listed if not each.waits),
        errors=problems,
    )
    status = 400 if problems else 200
    return _private(render(request, "handles/clients.html", {"page": page}, status=status))


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
        return "Blocked by the people who run this server"
    if listed.waits:
        return "Waits for you"
    if listed.rule:
        return str(Decision(listed.rule.decision).label)
    if listed.verdict.lets_in:
        return "May connect"
    return NOT_LET_IN.get(listed.verdict, "Has to ask first").rstrip(".")


@login_required
def set_policy(request: HttpRequest, slug: str) -> HttpResponse:
    handle = _administered(request, slug)
    if request.method != "POST":
        return _back(handle)
    mode = request.POST.get("mode", "")
    if mode not in Mode.values:
        return _show(request, handle, "Choose who may connect.")
    decisions.set_policy(handle, Mode(mode), by=request.user, now=timezone.now())  # type: ignore[arg-type]
    success(request, "Saved. It holds from the next request of every app on.")
    return _back(handle)


@login_required
def decide(request: HttpRequest, slug: str) -> HttpResponse:
    """Allow or block one entry: one that the page shows, or a client whose id was typed."""
    handle = _administered(request, slug)
    if request.method != "POST":
        return _back(handle)
    decision = request.POST.get("decision", "")
    entry, name = _typed(request) if "client_id" in request.POST else _shown(request, handle)
    if entry is None or decision not in (Decision.ALLOW, Decision.BLOCK):
        return _show(request, handle, "Type the client ID of the app, as the app shows it.")
    decided = Decision(decision)
    decisions.decide(handle, entry, decided, by=request.user, now=timezone.now())  # type: ignore[arg-type]
    may = "may connect to" if decided == Decision.ALLOW else "is blocked at"
    success(request, f"{name} {may} @{handle.slug}.")
    return _back(handle)


@login_required
def disconnect(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask once more, naming how many, then end everybody's connections of one entry at this handle."""
    handle = _administered(request, slug)
    if request.method != "POST":
        return _back(handle)
    entry = Entry(request.POST.get("kind", ""), request.POST.get("value", ""))
    listed = client_list.find(handle, entry)
    if listed is None:
        raise Http404
    if request.POST.get("confirm") != "yes":
        return _private(render(request, "handles/disconnect.html", {"handle": handle, "card": _card(listed)}))
    count = decisions.disconnect_everyone(handle, entry, by=request.user, now=timezone.now())  # type: ignore[arg-type]
    ended = "1 connection" if count == 1 else f"{count} connections"
    success(request, f"{listed.name}: {ended} to @{handle.slug} ended.")
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
