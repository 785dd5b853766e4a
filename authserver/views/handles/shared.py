"""What every page of a handle shares: who may open it, and that nobody's cache keeps it."""

from django.http import Http404, HttpRequest, HttpResponse

from authserver.protocol.governance import Mode
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
    return Seat(handle, role)


def private(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response
