"""Invitations, for whoever is invited: opened by link, looked at, accepted or declined.

The secret of a link stands behind the `#`, which browsers send to nobody: no log, no proxy and no preview of a chat
program ever has it. A script posts it once and takes it out of the address bar; without scripts it is pasted. From then
on this browser's session knows the invitation by its id.
"""

from urllib.parse import urlencode
from uuid import UUID

from allauth.account.internal.flows.logout import logout
from django.contrib.auth.decorators import login_required
from django.contrib.messages import error, success
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST

from accounts import flow
from authserver import policy, throttles
from authserver.protocol.errors import Refusal
from authserver.services.events import current_request
from authserver.services.standing import founding, invitations, members
from authserver.views.handles.people.members import ROLES
from authserver.views.handles.shared import following, person, said, show_on_the_way
from handles import roles
from handles.models import Invitation

HELD = "invitations"  # in the session: ids of invitations whose link was opened in this browser
CAME_FOR = "invited_to"  # in the session: the id of the invitation by mail that was opened before anybody signed in
PASTED_LENGTH_MAX = 500


@sensitive_post_parameters("link")
def invitation_list(request: HttpRequest) -> HttpResponse:
    """Show what waits for this person, and a field for a link; a POST opens the link."""
    if request.method != "POST":
        return _list(request)
    key = f"invitation_links_of_{current_request.get().counted}"
    admitted = throttles.admit(key, limit=policy.INVITATION_LINKS_PER_MINUTE)
    if admitted.count:
        response = _open(request)
    else:
        response = _list(request, problem=_("Too many tries. Wait a minute, then try again."), status=429)
    return throttles.telling(response, admitted.headers("invitation-links"))


@sensitive_variables("pasted", "secret")
def _open(request: HttpRequest) -> HttpResponse:
    pasted = request.POST.get("link", "")[:PASTED_LENGTH_MAX]
    secret = pasted.strip().rpartition("#")[2]
    row = invitations.by_secret(secret, now=timezone.now())
    if row is None:
        problem = _("This link is not complete, was used up, revoked, or has expired. Ask for a new one.")
        return _list(request, problem=problem, status=400)
    opened = [str(row.pk), *(each for each in request.session.get(HELD, []) if each != str(row.pk))]
    request.session[HELD] = opened[: policy.INVITATION_LINKS_HELD_MAX]
    return HttpResponseRedirect(with_next(request, reverse("invitation", args=[row.pk])))


def _list(request: HttpRequest, *, problem: str = "", status: int = 200) -> HttpResponse:
    rows = waiting_for(request)
    page = {"rows": [card_of(row) for row in rows], "errors": (problem,) if problem else ()}
    return show_on_the_way(request, "handles/invitations/list.html", page, status=status)


def held(request: HttpRequest) -> list[UUID]:
    """Return the invitations whose link was opened in this browser."""
    return [UUID(each) for each in request.session.get(HELD, [])]


def is_invited(request: HttpRequest) -> bool:
    """Tell whether this browser may make an account where only the invited may (`settings.INVITATION_READER`): it
    opened the link of an invitation that is open, or came by the mail of one and signs up with the address it was sent
    to."""
    is_open = invitations.is_open(timezone.now())
    if is_open.filter(pk__in=held(request), email="").exists():
        return True
    came_for: str | None = request.session.get(CAME_FOR)
    row = is_open.filter(pk=came_for).exclude(email="").first() if came_for else None
    return row is not None and request.POST.get("email", "").strip().lower() in ("", row.email.lower())


def waiting_for(request: HttpRequest) -> list[Invitation]:
    """Return the invitations that wait for whoever is signed in."""
    if not request.user.is_authenticated:
        return []
    return invitations.for_person(person(request), held=held(request), now=timezone.now())


def first_handle(request: HttpRequest, *, client_name: str, onward: str) -> dict[str, object]:
    """Return what somebody without a handle can do while a client waits at the path `onward`, to which each of it
    leads back."""
    return {
        "client_name": client_name,
        "person": person(request),
        "cards": [card_of(row) for row in waiting_for(request)],
        "may_create": founding.may_create(person(request)),
        "next": onward,
    }


def card_of(row: Invitation) -> dict[str, object]:
    """Return an invitation as pages show it: who invites to what, in which role."""
    role = roles.known(row.role)
    return {"row": row, "role": role.label if role else "", "about": ROLES.get(role, "") if role else ""}


def with_next(request: HttpRequest, path: str) -> str:
    """Return this path, with `next` carried on."""
    return path + flow.onward(following(request))


def invitation(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    """Show one invitation, with Accept and Decline; a POST answers it. Whoever opened its link sees it before they sign
    in; others sign in first."""
    now = timezone.now()
    if not request.user.is_authenticated:
        opened = invitations.is_open(now).filter(pk=invitation_id, email="").first()
        if opened is None or opened.pk not in held(request):
            if invitations.is_open(now).filter(pk=invitation_id).exclude(email="").exists():
                request.session[CAME_FOR] = str(invitation_id)
            return HttpResponseRedirect(f"{reverse('account_login')}?{urlencode({'next': request.get_full_path()})}")
        here = urlencode({"next": request.get_full_path()})
        return show_on_the_way(request, "handles/invitations/one.html", {"card": card_of(opened), "sign_in": here})
    row = invitations.find(invitation_id, user=person(request), held=held(request), now=now)
    if row is None:
        return _not_here(request, invitation_id)
    if request.method == "POST":
        return _answer(request, row)
    return show_on_the_way(request, "handles/invitations/one.html", {"card": card_of(row), "person": person(request)})


def _not_here(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    """One page for what never was, has ended, or is somebody else's; whoever accepted it already is sent on."""
    used = Invitation.objects.filter(pk=invitation_id, handle__memberships__user=person(request)).first()
    if used is not None and (following(request) or request.method == "POST"):
        return HttpResponseRedirect(following(request) or reverse("handles"))
    page = {"person": person(request), "path": request.get_full_path()}
    return show_on_the_way(request, "handles/invitations/not_here.html", page, status=404)


def _answer(request: HttpRequest, row: Invitation) -> HttpResponse:
    by, now = person(request), timezone.now()
    onward = following(request)
    if request.POST.get("decision") != "accept":
        invitations.decline(row, by=by, held=held(request), now=now)
        request.session[HELD] = [each for each in request.session.get(HELD, []) if each != str(row.pk)]
        success(request, _("You declined the invitation to @{handle}.").format(handle=row.handle.slug))
        return HttpResponseRedirect(onward or reverse("handles"))
    done = invitations.accept(row, by=by, held=held(request), now=now)
    if isinstance(done, Refusal) and done != members.IS_MEMBER:
        error(request, said(done))
        return HttpResponseRedirect(with_next(request, reverse("invitations")))
    if not onward:  # on the way, what comes next says it
        success(request, _("You are now a member of @{handle}.").format(handle=row.handle.slug))
    return HttpResponseRedirect(onward or reverse("handle", args=[row.handle.slug]))


@require_POST
@login_required
def switch(request: HttpRequest, invitation_id: UUID) -> HttpResponse:
    """Sign out and come back as somebody else, with the links that this browser opened still open."""
    opened = request.session.get(HELD, [])
    back = with_next(request, reverse("invitation", args=[invitation_id]))
    logout(request, show_message=False)
    request.session[HELD] = opened
    return HttpResponseRedirect(f"{reverse('account_login')}?{urlencode({'next': back})}")
