"""The members of a handle: listed, given another role, removed; and leaving."""

from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.messages import error, success
from django.core.paginator import Paginator
from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from authserver import policy
from authserver.languages.catalog import in_sentence
from authserver.models import Connection
from authserver.protocol.errors import Refusal
from authserver.services import personal_tokens
from authserver.services.standing import invitations, joining, members
from authserver.views.handles.shared import person, private, said, seat_at
from handles import roles
from handles.access import Seat
from handles.models import Handle, JoinRequest, Membership
from handles.roles import Role

SEARCH_LENGTH_MAX = 200
# One line each, wherever a role is chosen.
ROLES = {
    Role.MEMBER: gettext_lazy("Connects apps and makes tokens, as far as members may."),
    Role.ADMIN: gettext_lazy("Also decides about apps, sees everybody's connections, and invites and removes members."),
    Role.OWNER: gettext_lazy("Also manages admins and owners, changes the settings, and can give the handle away."),
}
FIRST_OWNERS = Case(
    When(role=Role.OWNER, then=Value(0)), When(role=Role.ADMIN, then=Value(1)), default=2, output_field=IntegerField()
)


@dataclass(frozen=True)
class RoleChoice:
    role: Role
    description: object
    is_checked: bool


@dataclass(frozen=True)
class Row:
    """One member, and what the person who looks may do about them."""

    seat: Membership
    role: Role | None
    is_own: bool
    may_change: bool


def choices_for(acting: Role, *, checked: str) -> list[RoleChoice]:
    """Return the roles that somebody in the role `acting` may give."""
    given = [role for role in ROLES if members.reaches(acting, (role,))]
    return [RoleChoice(role, ROLES[role], role == checked) for role in given]


@login_required
def member_page(request: HttpRequest, slug: str) -> HttpResponse:
    """List the members, a page at a time, and who asks to become one."""
    seat = seat_at(request, slug)
    text = request.GET.get("q", "").strip()[:SEARCH_LENGTH_MAX]
    rows = Paginator(_found(seat.handle, text), policy.HANDLE_MEMBERS_PAGE).get_page(request.GET.get("page", ""))
    page = {
        "handle": seat.handle,
        "rows": [_row(each, seat, person(request)) for each in rows],
        "pages": rows,
        "text": text,
        "requests": joining.waiting_at(seat.handle),
        "open_invitations": invitations.is_open(timezone.now()).filter(handle=seat.handle).count(),
        "roles": [(role, description) for role, description in ROLES.items()],
    }
    return private(render(request, "handles/people/members.html", {"page": page}))


def _found(handle: Handle, text: str) -> QuerySet[Membership]:
    rows = Membership.objects.filter(handle=handle).select_related("user")
    if text:
        rows = rows.filter(Q(user__email__icontains=text) | Q(user__name__icontains=text))
    return rows.order_by(FIRST_OWNERS, "user__email")


def _row(membership: Membership, seat: Seat, user: User) -> Row:
    role, own = roles.known(membership.role), membership.user_id == user.pk
    return Row(membership, role, own, own or members.reaches(seat.role, (membership.role,)))


def _membership(handle: Handle, person_id: UUID) -> Membership:
    found = Membership.objects.filter(handle=handle, user=person_id).select_related("user").first()
    if found is None:
        raise Http404
    return found


@login_required
def role(request: HttpRequest, slug: str, person_id: UUID) -> HttpResponse:
    """Show the roles that this member can be given; a POST gives one."""
    seat = seat_at(request, slug)
    membership = _membership(seat.handle, person_id)
    wanted = roles.known(request.POST.get("role"))
    own = membership.user_id == person(request).pk
    if request.method != "POST" or wanted is None:
        choices = choices_for(seat.role, checked=membership.role)
        if own:
            choices = [each for each in choices_for(Role.OWNER, checked=membership.role) if _is_below(each, seat)]
        page = {"handle": seat.handle, "seat": membership, "choices": choices, "is_own": own}
        return private(render(request, "handles/people/role.html", {"page": page}))
    done = members.set_role(seat.handle, membership.user, wanted, by=person(request), now=timezone.now())
    if isinstance(done, Refusal):
        error(request, said(done))
    else:
        told = _("{person} is now in the role {role}.")
        success(request, told.format(person=membership.user.email, role=in_sentence(wanted.label)))
    is_admin = own and wanted == Role.MEMBER and not isinstance(done, Refusal)
    return HttpResponseRedirect(reverse("handle" if is_admin else "handle_members", args=[seat.handle.slug]))


def _is_below(choice: RoleChoice, seat: Seat) -> bool:
    return roles.at_least(seat.role, choice.role)


@login_required
def remove(request: HttpRequest, slug: str, person_id: UUID) -> HttpResponse:
    """Say what ends, then remove a member."""
    seat = seat_at(request, slug)
    membership = _membership(seat.handle, person_id)
    if membership.user_id == person(request).pk:
        return leave(request, slug)
    if not members.reaches(seat.role, (membership.role,)):
        raise Http404
    return _end(request, membership, is_own=False)


@login_required
def leave(request: HttpRequest, slug: str) -> HttpResponse:
    """Say what ends, then give up one's own seat."""
    seat = seat_at(request, slug, Role.MEMBER)
    return _end(request, _membership(seat.handle, person(request).pk), is_own=True)


def _end(request: HttpRequest, membership: Membership, *, is_own: bool) -> HttpResponse:
    handle, user, now = membership.handle, membership.user, timezone.now()
    if request.method != "POST" or request.POST.get("confirm") != "yes":
        page = {
            "handle": handle,
            "seat": membership,
            "is_own": is_own,
            "connections": Connection.objects.filter(handle=handle, user=user, ended_at=None).count(),
            "tokens": personal_tokens.live(now).filter(handle=handle, user=user).count(),
        }
        return private(render(request, "handles/people/remove.html", {"page": page}))
    refusal = members.remove(handle, user, by=person(request), now=now)
    if refusal:
        error(request, said(refusal))
    elif is_own:
        success(request, _("You left @{handle}.").format(handle=handle.slug))
    else:
        told = _("{person} is no longer a member of @{handle}.")
        success(request, told.format(person=user.email, handle=handle.slug))
    stays = not is_own or refusal is not None and membership.role != Role.MEMBER
    back = reverse("handle_members", args=[handle.slug]) if stays else reverse("handles")
    return HttpResponseRedirect(back)


@login_required
def answer(request: HttpRequest, slug: str, request_id: int) -> HttpResponse:
    """Accept or decline somebody who asks to become a member."""
    seat = seat_at(request, slug)
    row = JoinRequest.objects.filter(handle=seat.handle, pk=request_id).select_related("user", "handle").first()
    if row is None or request.method != "POST":
        raise Http404
    accepts, by, now = request.POST.get("decision") == "accept", person(request), timezone.now()
    done = joining.accept(row, by=by, now=now) if accepts else joining.decline(row, by=by, now=now)
    if isinstance(done, Refusal):
        error(request, said(done))
    else:
        told = _("{person} is a member now.") if accepts else _("{person} was not let in.")
        success(request, told.format(person=row.user.email))
    return HttpResponseRedirect(reverse("handle_members", args=[seat.handle.slug]))
