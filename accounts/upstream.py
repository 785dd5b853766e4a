"""Signing in elsewhere: what we believe of an OpenID Connect provider, and how a person gets there and back."""

import logging
from collections.abc import Callable
from typing import Any

from allauth.account.utils import get_next_redirect_url
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter, _build_apps_from_settings, get_adapter
from allauth.socialaccount.internal.statekit import get_states
from allauth.socialaccount.models import SocialApp, SocialLogin
from django.contrib.messages import error
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from requests import RequestException

from accounts import flow
from accounts.models import User

log = logging.getLogger(__name__)
View = Callable[..., HttpResponse]
# What a provider that is away, or answers nonsense, makes of a request to it.
UNUSABLE = (RequestException, KeyError, ValueError, TypeError)


class UpstreamAdapter(DefaultSocialAccountAdapter):
    def list_apps(self, request: HttpRequest, provider: Any = None, client_id: Any = None) -> list[SocialApp]:
        """Return the providers of the settings; rows are not asked."""
        found = _build_apps_from_settings(provider=provider, client_id=client_id)
        return [app for apps in found.values() for app in apps]

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Refuse what the provider says of somebody else, and take no address for verified that it does not call so.

        Obeys:   OpenID Connect Core §5.3.2 (the `sub` of userinfo has to be that of the ID token).
        """
        told = sociallogin.account.extra_data
        subjects = {told[part].get("sub") for part in ("userinfo", "id_token") if told.get(part)}
        if len(subjects) != 1:
            log.warning("sign-in elsewhere refused: upstream:subject_mismatch")
            raise ImmediateHttpResponse(back_to_sign_in(request, sociallogin.state))
        for address in sociallogin.email_addresses:
            address.verified = address.verified is True  # some say "false", which is true in Python

    def can_authenticate_by_email(self, login: SocialLogin, email: str) -> bool:
        """Tell whether an account that is here already is joined: only for a provider that the settings call trusted,
        only under an address that it says it verified."""
        is_verified = any(each.email == email and each.verified is True for each in login.email_addresses)
        return is_verified and super().can_authenticate_by_email(login, email)

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]) -> User:
        user: User = super().populate_user(request, sociallogin, data)
        name = data.get("name")
        limit = User._meta.get_field("name").max_length
        user.name = name.strip()[:limit] if isinstance(name, str) and name.isprintable() else ""
        user.email = User.objects.normalize_email(user.email)
        return user

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: Any = None,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> None:
        """Lead back to the sign-in page, and on the way that the person was on."""
        log.warning("sign-in elsewhere failed: upstream:%s %s", error, type(exception).__name__)
        raise ImmediateHttpResponse(back_to_sign_in(request, (extra_context or {}).get("state")))


def back_to_sign_in(request: HttpRequest, state: dict[str, Any] | None) -> HttpResponse:
    """Return the redirect to the sign-in page, with the `next` that the detour began with, and what happened."""
    error(request, _("Signing in there did not work. Try again, or sign in with your email address."))
    return HttpResponseRedirect(reverse("account_login") + flow.onward((state or {}).get("next")))


def start(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Send the person to the provider. A link leads here, not a form: Chromium holds a form to `form-action` through
    every redirect, and nobody can name all the hosts that a provider sends its people through.

    Another site's link gets a page that asks first, or it could sign people in whenever it likes.
    """
    try:
        provider = get_adapter().get_provider(request, provider_id)
    except SocialApp.DoesNotExist:
        raise Http404 from None
    following = get_next_redirect_url(request)
    if request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        return TemplateResponse(
            request, "socialaccount/login.html", {"provider": provider, "link": link(provider, following)}
        )
    process = "connect" if request.GET.get("process") == "connect" and request.user.is_authenticated else "login"
    try:
        return provider.redirect(request, process=process, next_url=following)
    except UNUSABLE as problem:
        log.warning("sign-in elsewhere failed: upstream:unreachable %s", type(problem).__name__)
        return back_to_sign_in(request, {"next": following})


def link(provider: Any, following: str | None) -> str:
    return reverse("openid_connect_login", args=[provider.app.provider_id]) + flow.onward(following)


def guarded(callback: View) -> View:
    """Return allauth's view of the way back, with whatever a provider may answer kept from being an error of ours."""

    def view(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        states = get_states(request)
        state = states.get(request.GET.get("state", ""), ({},))[0]
        try:
            return callback(request, *args, **kwargs)
        except UNUSABLE as problem:
            log.warning("sign-in elsewhere failed: upstream:nonsense %s", type(problem).__name__)
            return back_to_sign_in(request, state)

    return view
