"""The handles that a person belongs to, and the first page of one: for members what is theirs, for admins what they
decide."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from authserver.models import Connection
from authserver.services import personal_tokens
from authserver.services.connections import listing
from authserver.services.governance import client_list
from authserver.services.standing import founding, joining
from authserver.views.handles.people import accepting
from authserver.views.handles.people.members import ROLES
from authserver.views.handles.shared import MODES, person, private, seat_at
from handles import access
from handles.access import Seat
from handles.models import Handle
from handles.roles import Role, at_least


@login_required
def handle_list(request: HttpRequest) -> HttpResponse:
    user = person(request)
    page = {
        "seats": [{"seat": seat, "is_owner": seat.role == Role.OWNER} for seat in access.seats_of(user)],
        "invitations": [accepting.card_of(row) for row in accepting.waiting_for(request)],
        "may_create": founding.may_create(user),
    }
    return private(render(request, "handles/list.html", {"page": page}))


@login_required
def overview(request: HttpRequest, slug: str) -> HttpResponse:
    """Show what a member has at a handle and, to admins, what there is to decide. The owner of a suspended one is sent
    to its settings: nothing else works there."""
    handle, user = access.find(slug), person(request)
    held = access.membership_of(handle, user) if handle else None
    if handle and held and held.role == Role.OWNER and handle.status == Handle.Status.SUSPENDED:
        return HttpResponseRedirect(reverse("handle_settings", args=[handle.slug]))
    seat = seat_at(request, slug, Role.MEMBER)
    live = Connection.objects.filter(handle=seat.handle, user=user, ended_at=None)
    tokens = personal_tokens.live(timezone.now()).filter(handle=seat.handle, user=user)
    page = {
        "seat": seat,
        "about_role": ROLES[seat.role],
        "mine": {"connections": live.count(), "tokens": tokens.count()},
        "admin": _for_admins(seat) if at_least(seat.role, Role.ADMIN) else None,
    }
    return private(render(request, "handles/overview.html", {"page": page}))


def _for_admins(seat: Seat) -> dict[str, object]:
    listed = client_list.listed_at(seat.handle)
    return {
        "policy": next(title for mode, title, _ in MODES if mode == client_list.mode_at(seat.handle)),
        "waiting": sum(each.waits for each in listed),
        "apps": sum(bool(each.use.connections) for each in listed),
        "counts": listing.counts_at(seat.handle),
        "members": access.count_members(seat.handle),
        "requests": len(joining.waiting_at(seat.handle)),
    }
