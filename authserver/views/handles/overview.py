"""The handles that a person belongs to, and the first page of one for those who administer it."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.models import User
from authserver.services.connections import listing
from authserver.services.governance import client_list
from authserver.views.handles.shared import MODES, private, seat_at
from handles import access
from handles.roles import Role, at_least


@login_required
def handle_list(request: HttpRequest) -> HttpResponse:
    user: User = request.user  # type: ignore[assignment]
    rows = [{"seat": seat, "is_admin": at_least(seat.role, Role.ADMIN)} for seat in access.seats_of(user)]
    return private(render(request, "handles/list.html", {"rows": rows}))


@login_required
def overview(request: HttpRequest, slug: str) -> HttpResponse:
    seat = seat_at(request, slug)
    listed = client_list.listed_at(seat.handle)
    page = {
        "seat": seat,
        "policy": next(title for mode, title, _ in MODES if mode == client_list.mode_at(seat.handle)),
        "waiting": sum(each.waits for each in listed),
        "apps": sum(bool(each.use.connections) for each in listed),
        "counts": listing.counts_at(seat.handle),
        "members": access.count_members(seat.handle),
    }
    return private(render(request, "handles/overview.html", {"page": page}))
