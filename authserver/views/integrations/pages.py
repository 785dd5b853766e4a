"""The page of a handle's admins, the check that they ask for, and the page that they may give to anyone."""

from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from authserver import policy, throttles
from authserver.services.endpoints import checking, places, words
from authserver.services.endpoints.checking import Busy
from authserver.services.endpoints.walks import GENERIC
from authserver.views import errors
from authserver.views.errors import ErrorPage
from authserver.views.handles.shared import private, seat_at
from authserver.views.integrations import guide
from authserver.views.integrations.guide import Address, Guide, UseCase
from handles import access
from handles.access import Seat
from handles.models import Handle


@dataclass(frozen=True)
class IntegrationsPage:
    """What both pages show. Only the admins' page has `share`, the address that may be given to anyone, and the check
    as one app: at the address whose key is `walk`, as `profile`."""

    seat: Seat
    addresses: tuple[Address, ...]
    guide: Guide | None
    use_cases: tuple[UseCase, ...]
    share: str = ""
    walk: str = ""
    profile: str = ""

    @property
    def production(self) -> tuple[Address, ...]:
        return tuple(each for each in self.addresses if not each.is_draft)

    @property
    def profiles(self) -> tuple[tuple[str, str], ...]:
        return tuple((profile, str(name)) for profile, name in words.PROFILES.items() if profile != GENERIC)

    @property
    def drafts(self) -> tuple[Address, ...]:
        return tuple(each for each in self.addresses if each.is_draft)


@login_required
def integrations(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a handle's admins its addresses, the last check of each, how to connect an app, and the link to share."""
    seat = seat_at(request, slug)
    walk, profile = request.GET.get("walk", ""), request.GET.get("as", "")
    page = replace(
        _page(request, seat, guide.addresses_of(seat.handle, walk=walk, profile=profile)),
        share=settings.ISSUER + reverse("connect_to_handle", args=[seat.handle.slug]),
        walk=walk,
        profile=profile,
    )
    return private(render(request, "handles/integrations/page.html", {"page": page}))


def _page(request: HttpRequest, seat: Seat, addresses: tuple[Address, ...]) -> IntegrationsPage:
    chosen = {name: request.GET.get(name, "") for name in ("client", "address")}
    return IntegrationsPage(seat, addresses, guide.build(addresses, **chosen), guide.use_cases(seat.role))


@login_required
def check(request: HttpRequest, slug: str) -> HttpResponse:
    """Check a handle's addresses now, or one of them as one app, then show its page again. Only a POST does; it takes
    policy.ENDPOINT_CHECK_SECONDS at most."""
    seat = seat_at(request, slug)
    back = reverse("handle_integrations", args=[seat.handle.slug])
    if request.method != "POST":
        return HttpResponseRedirect(f"{back}#addresses")
    key, profile = request.POST.get("address", ""), request.POST.get("as", "")
    walked = next((each for each in guide.addresses_of(seat.handle) if each.key == key), None)
    if walked is None or profile not in words.PROFILES:
        _check(request, seat.handle, GENERIC)
        return HttpResponseRedirect(f"{back}#addresses")
    _check(request, seat.handle, profile, only=walked)
    return HttpResponseRedirect(f"{back}?{urlencode({'walk': key, 'as': profile})}#at-{key}")


def _check(request: HttpRequest, handle: Handle, profile: str, *, only: Address | None = None) -> None:
    found = [each for each in places.of_handle(handle) if only is None or each.url == only.endpoint.url]
    what = f"{handle.pk}_{only.key if only else ''}_{profile}"
    if not throttles.admit_endpoint_check(what, str(request.user.pk)):
        messages.warning(request, _("The addresses were checked a moment ago. Wait a little, then check again."))
        return
    found = found[: policy.ENDPOINTS_PER_ROUND_MAX]
    if isinstance(checking.check(found, now=timezone.now(), profile=profile), Busy):
        messages.warning(request, _("Other checks are under way. Try again in a moment."))


@login_required
def connect(request: HttpRequest, slug: str) -> HttpResponse:
    """Show members, and guests of a public handle, how to connect an app. Everybody else reads the same page, whether
    there is such a handle or not."""
    user: User = request.user  # type: ignore[assignment]
    handle = access.find(slug)
    role = access.role_in(handle, user) if handle else None
    if handle is None or role is None:
        return _closed(request, handle, user)
    addresses = tuple(each for each in guide.addresses_of(handle) if each.endpoint.is_active)
    page = _page(request, Seat(handle, role), addresses)
    return private(render(request, "handles/integrations/connect.html", {"page": page}))


def _closed(request: HttpRequest, handle: Handle | None, user: User) -> HttpResponse:
    # Only its members learn that a handle is suspended; to others it is as if there were none.
    if handle and any(seat.handle == handle for seat in access.seats_of(user)):
        name = {"handle": f"@{handle.slug}"}
        return errors.show(
            request,
            ErrorPage(
                status=403,
                code="handle_suspended",
                title=_("%(handle)s is suspended") % name,
                cause=_("No app can use this handle or be connected to it for now."),
                next_step=_("Ask an owner of the handle, or the people who run this server."),
            ),
        )
    return errors.show(
        request,
        ErrorPage(
            status=404,
            code="not_a_member",
            title=_("This link is for members"),
            cause=_("You are not a member of the handle it leads to, or there is no such handle."),
            next_step=_(
                "Ask whoever gave you the link for an invitation. If you belong to the handle with another account, "
                "switch to it."
            ),
            details=((_("Signed in as"), user.email),),
        ),
    )
