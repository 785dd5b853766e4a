"""How long ago this browser showed who it is, and the detour over showing it again, before dangerous acts."""

import time
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core.exceptions import ReauthenticationRequired
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from accounts import flow
from accounts.models import User
from authserver import policy

View = Callable[..., Any]  # some answer piece by piece
SECOND_STEP = "mfa"  # what django-allauth calls a record that a passkey, an app's code or a recovery code left


def is_recent(request: HttpRequest) -> bool:
    """Tell whether the person of this request signed in, or showed again who they are, within
    `policy.RECENT_SIGN_IN`. False for whoever is not signed in."""
    return has_shown_within(request, policy.RECENT_SIGN_IN)


def has_shown_within(request: HttpRequest, span: timedelta) -> bool:
    """Tell whether the person of this request showed who they are within this span, in whichever way."""
    shown_at = [record["at"] for record in _records(request)]
    return bool(shown_at) and time.time() - max(shown_at) < span.total_seconds()


def used_second_factor(request: HttpRequest) -> bool:
    """Tell whether this session was opened, or confirmed later, with more than a password."""
    return any(record["method"] == SECOND_STEP for record in _records(request))


def ask(request: HttpRequest, following: str) -> HttpResponse:
    """Return the redirect to where a person shows again who they are, and then goes on to `following`, a path of ours
    with its query. What was posted is not kept: `following` is a page that can be asked for again."""
    methods = get_adapter().get_reauthentication_methods(request.user)
    page = methods[0]["url"] if methods else reverse("account_login")
    return HttpResponseRedirect(page + flow.onward(following))


def required(view: View) -> View:
    """Return `view` for whoever is signed in and `is_recent`; others are asked first, and come back by GET.

    Whoever is not signed in at all is left to the view.
    """

    @wraps(view)
    def wrapped(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if request.user.is_authenticated and not is_recent(request):
            return ask(request, request.get_full_path())
        return view(request, *args, **kwargs)

    return wrapped


def required_to_post(view: View) -> View:
    """Return `view`, which anybody may look at, with its POST kept for whoever `is_recent`. What others post waits in
    their session, and is carried out once they have shown who they are."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if request.method == "POST" and request.user.is_authenticated and not is_recent(request):
            raise ReauthenticationRequired
        return view(request, *args, **kwargs)

    return wrapped


def _records(request: HttpRequest) -> list[dict]:
    user: User | None = request.user if request.user.is_authenticated else None  # type: ignore[assignment]
    return get_authentication_records(request, user)
