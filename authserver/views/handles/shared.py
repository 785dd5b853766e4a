"""What every page of a handle shares: who may open it, and that nobody's cache keeps it."""

from typing import Any

from allauth.account.utils import get_next_redirect_url
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import flow, flow_headers
from accounts.models import User
from authserver.protocol.errors import Refusal
from authserver.protocol.governance import Mode
from handles import access
from handles.access import Seat
from handles.models import Handle
from handles.roles import Role, at_least

MODES = (
    (Mode.ALL, _("Every app"), _("Any app may connect, except those that you block.")),
    (Mode.VERIFIED, _("Verified apps only"), _("Apps whose maker the people who run this server have checked.")),
    (
        Mode.ASK,
        _("Ask us first"),
        _("A new app waits on this page until you allow it. Apps that are connected now stay."),
    ),
    (Mode.LISTED, _("Only apps on the list"), _("Apps that you allowed on this page. All others are cut off at once.")),
)


def administered(request: HttpRequest, slug: str) -> Handle:
    """Return the handle of this name, if the person is an admin or owner of it now; to everybody else it is not
    there."""
    return seat_at(request, slug).handle


def seat_at(request: HttpRequest, slug: str, needed: Role = Role.ADMIN) -> Seat:
    """Return the person's place at a handle where they hold this role or more now; otherwise it is not there."""
    handle = access.find(slug)
    role = access.role_in(handle, request.user) if handle else None  # type: ignore[arg-type]
    if handle is None or role is None or not at_least(role, needed):
        raise Http404
    handle.viewer_role = role
    return Seat(handle, role)


def owned(request: HttpRequest, slug: str) -> Handle:
    """Return the handle of this name, if the person owns it; a suspended one too, which its owner has to reach."""
    handle = access.find(slug)
    seat = access.membership_of(handle, person(request)) if handle else None
    if handle is None or seat is None or seat.role != Role.OWNER:
        raise Http404
    handle.viewer_role = seat.role
    return handle


def person(request: HttpRequest) -> User:
    """Return who is signed in; for views that ask for it."""
    return request.user  # type: ignore[return-value]


def said(refusal: Refusal) -> str:
    """Return what a refusal tells, in the person's language."""
    return gettext(refusal.description)


def following(request: HttpRequest) -> str:
    """Return the page of ours that a person is on the way to, or nothing."""
    return get_next_redirect_url(request) or ""


def show_on_the_way(request: HttpRequest, template: str, page: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """Render a page that people also meet on the way through a connection: with the frame and headers of a flow there,
    and with `next` carried on."""
    current = flow.of(request)
    layout = "flow.html" if current else "base.html"
    context = {"page": page, "flow": current, "layout": layout, "next": following(request)}
    response = private(render(request, template, context, status=status))
    if current:
        flow_headers.apply(response, redirect_origin=current.redirect_origin)
    return response


def private(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response
