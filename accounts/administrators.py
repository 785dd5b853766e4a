"""The way into the administration: signed in, with a second factor, not long ago. Only the demo world goes without."""

from collections.abc import Callable
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from accounts import recent
from accounts.factors.demand import second_step_demanded
from authserver import policy

View = Callable[..., HttpResponse]


def guard(site: AdminSite) -> None:
    """Let only guarded administrators into this admin site, by the sign-in page of everybody."""
    allowed = site.has_permission
    wrapped = site.admin_view

    def has_permission(request: HttpRequest) -> bool:
        return allowed(request) and way_in(request) is None

    def admin_view(view: View, cacheable: bool = False) -> View:
        return wrapped(writes_are_recent(view), cacheable)

    site.has_permission = has_permission  # type: ignore[method-assign]
    site.admin_view = admin_view  # type: ignore[method-assign, assignment]
    site.login = secure_admin_login(sign_in(site.login))  # type: ignore[method-assign]


def way_in(request: HttpRequest) -> str | None:
    """Return the page that stands between this administrator and the administration, or None where none does."""
    if not settings.ADMIN_SECOND_FACTOR:
        return None
    if not second_step_demanded(request.user):
        return reverse("mfa_index")
    if not recent.has_shown_within(request, policy.ADMIN_SESSION) or not recent.used_second_factor(request):
        return second_factor_page(request)
    return None


def second_factor_page(request: HttpRequest) -> str:
    """Return the page where a person who is signed in shows a second factor."""
    ways = {way["id"]: way["url"] for way in get_adapter().get_reauthentication_methods(request.user)}
    return ways.get("mfa_reauthenticate:webauthn") or ways["mfa_reauthenticate"]


def sign_in(login: View) -> View:
    """Return the admin's sign-in page; it sends administrators who still owe a second factor to where they give it."""

    def view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        page = way_in(request)
        if page is None:
            return login(request, *args, **kwargs)
        following = request.GET.get("next") or reverse("admin:index")
        return HttpResponseRedirect(f"{page}?{urlencode({'next': following})}")

    return view


def writes_are_recent(view: View) -> View:
    """Return an admin view whose POST wants somebody who showed lately who they are; they come back by GET."""

    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if settings.ADMIN_SECOND_FACTOR and request.method == "POST" and not recent.is_recent(request):
            return recent.ask(request, request.get_full_path())
        return view(request, *args, **kwargs)

    return wrapped
