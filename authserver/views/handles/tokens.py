"""Personal access tokens of a handle: every member makes and ends their own; admins see and end everybody's."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.messages import success
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from accounts.models import User
from authserver.models import PersonalAccessToken
from authserver.protocol.errors import Refusal
from authserver.services import personal_tokens
from authserver.views.handles import token_page
from authserver.views.handles.shared import private, seat_at
from authserver.views.handles.token_page import Made, TokensPage, Typed
from handles.access import Seat
from handles.roles import Role

TOO_OLD = gettext_lazy("This page was open for too long. Check what you chose and send it again.")


@login_required
def tokens(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the tokens and the form; a POST of it makes one token, whose secret is in the answer and never again."""
    seat = seat_at(request, slug, Role.MEMBER)
    user: User = request.user  # type: ignore[assignment]
    if request.method == "POST":
        return _make(request, seat, user)
    page = token_page.build(seat, user, now=timezone.now(), number=request.GET.get("page", ""))
    return _show(request, page)


@sensitive_variables("secret", "made")
def _make(request: HttpRequest, seat: Seat, user: User) -> HttpResponse:
    now, typed = timezone.now(), token_page.read(request.POST, user, seat.handle)
    if typed.form_id is None:
        return _show(request, token_page.build(seat, user, now=now, typed=typed, errors=(str(TOO_OLD),)))
    made = personal_tokens.create(
        user,
        seat.handle,
        name=typed.name,
        scopes=typed.scopes,
        lifetime=typed.lifetime,
        now=now,
        form_id=typed.form_id,
    )
    if isinstance(made, Refusal):
        # A form that was used is not filled in again: sending that once more would make a second token.
        again = Typed() if made.reason == "personal_token:form_used" else typed
        return _show(request, token_page.build(seat, user, now=now, typed=again, errors=(_(made.description),)))
    row, secret = made
    (card,) = token_page.cards([row], now)
    return _show(request, token_page.build(seat, user, now=now, made=Made(card, secret)))


def _show(request: HttpRequest, page: TokensPage) -> HttpResponse:
    context = {"page": page, "is_admin": token_page.is_admin(page.seat)}
    return private(render(request, "handles/tokens/page.html", context, status=400 if page.errors else 200))


@login_required
def revoke(request: HttpRequest, slug: str, token_id: UUID) -> HttpResponse:
    """Ask once more, then end a token: one's own, or as an admin of its handle any. Others' are not found."""
    seat = seat_at(request, slug, Role.MEMBER)
    user: User = request.user  # type: ignore[assignment]
    rows = PersonalAccessToken.objects.filter(handle=seat.handle, ended_at=None).select_related("user", "handle")
    row = (rows if token_page.is_admin(seat) else rows.filter(user=user)).filter(pk=token_id).first()
    if row is None:
        raise Http404
    if request.method != "POST" or request.POST.get("confirm") != "yes":
        (card,) = token_page.cards([row], timezone.now())
        page = {"seat": seat, "card": card, "is_mine": row.user_id == user.pk}
        return private(render(request, "handles/tokens/revoke.html", {"page": page}))
    personal_tokens.revoke(row, by=user, now=timezone.now())
    success(request, _("{name} no longer works.").format(name=row.name))
    return HttpResponseRedirect(reverse("handle_tokens", args=[seat.handle.slug]))
