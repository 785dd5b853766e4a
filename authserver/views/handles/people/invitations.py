"""The invitations of a handle, for its admins: made by mail or as a link, listed while they are open, revoked."""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.messages import error, success
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from authserver import policy
from authserver.protocol.errors import Refusal
from authserver.services.standing import invitations
from authserver.services.standing.invitations import Made, Offer
from authserver.views.handles.people.members import choices_for
from authserver.views.handles.shared import person, private, said, seat_at
from handles import roles
from handles.access import Seat
from handles.models import Invitation
from handles.roles import Role

BY_MAIL, BY_LINK = "mail", "link"


@login_required
@sensitive_variables("made", "link")
def invitation_page(request: HttpRequest, slug: str) -> HttpResponse:
    """List what is open, with the form; a POST of it invites. A link is in the answer and never again."""
    seat = seat_at(request, slug)
    if request.method != "POST":
        return _show(request, seat)
    offer, problem = _read(request)
    if offer is None:
        return _show(request, seat, error=problem)
    made = invitations.create(seat.handle, offer, by=person(request), now=timezone.now())
    if isinstance(made, Refusal):
        return _show(request, seat, error=said(made))
    if not made.secret:
        success(request, _("An invitation is on its way to {address}.").format(address=offer.email))
        return HttpResponseRedirect(reverse("handle_invitations", args=[seat.handle.slug]))
    return _show(request, seat, made=made)


def _read(request: HttpRequest) -> tuple[Offer | None, str]:
    """Return what was typed, or a sentence about what is wrong with it."""
    form = request.POST
    role, days, uses = roles.known(form.get("role")), form.get("days", ""), form.get("uses", "").strip()
    if role in (None, Role.PUBLIC):
        return None, _("Choose a role.")
    email = form.get("email", "").strip() if form.get("way") == BY_MAIL else ""
    if form.get("way") == BY_MAIL and not _is_address(email):
        return None, _("Type the e-mail address of the person you invite.")
    if not email and uses and not _is_small_number(uses):
        return None, said(invitations.USES)
    lifetime = timedelta(days=int(days) if _is_small_number(days) else 0)
    assert role is not None
    return Offer(role, lifetime, email, int(uses) if uses and not email else None), ""


def _is_small_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 5


def _is_address(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return len(text) <= 254


def _show(request: HttpRequest, seat: Seat, *, made: Made | None = None, error: str = "") -> HttpResponse:
    now, form = timezone.now(), request.POST if error else {}
    rows = list(invitations.is_open(now).filter(handle=seat.handle))
    works = invitations.worth_something(rows, at=seat.handle)
    link = f"{settings.ISSUER}{reverse('invitations')}#{made.secret}" if made else ""
    page = {
        "handle": seat.handle,
        "made": made.row if made else None,
        "link": link,
        "roles": choices_for(seat.role, checked=form.get("role", Role.MEMBER.value)),
        "lifetimes": [
            {"days": each.days, "is_checked": str(each.days) == form.get("days", str(policy.INVITATION_LIFETIME.days))}
            for each in policy.INVITATION_LIFETIMES
        ],
        "typed": form,
        "is_link": form.get("way") == BY_LINK,
        "errors": (error,) if error else (),
        "open": [_line(row, works=row.pk in works) for row in rows],
    }
    return private(render(request, "handles/people/invitations.html", {"page": page}, status=400 if error else 200))


def _line(row: Invitation, *, works: bool) -> dict[str, object]:
    role = roles.known(row.role)
    return {"row": row, "role": role.label if role else "", "works": works}


@login_required
def revoke(request: HttpRequest, slug: str, invitation_id: UUID) -> HttpResponse:
    """Ask once more, then end an open invitation."""
    seat = seat_at(request, slug)
    row = invitations.is_open(timezone.now()).filter(handle=seat.handle, pk=invitation_id).first()
    if row is None:
        raise Http404
    if request.method != "POST" or request.POST.get("confirm") != "yes":
        page = {"handle": seat.handle, "line": _line(row, works=invitations.is_worth_something(row))}
        return private(render(request, "handles/people/revoke.html", {"page": page}))
    if invitations.revoke(row, by=person(request), now=timezone.now()):
        success(request, _("The invitation was revoked: nobody can accept it any more."))
    else:
        error(request, _("This invitation had ended already."))
    return HttpResponseRedirect(reverse("handle_invitations", args=[seat.handle.slug]))
