"""What every account page needs besides django-allauth's own view: `next` kept, the flow's headers, a designed 429."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import get_adapter
from allauth.account.utils import get_next_redirect_url
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from accounts import flow, flow_headers
from accounts.adapter import MailNotSent
from accounts.factors import demand
from authserver.views import errors

View = Callable[..., Any]  # allauth promises no more than HttpResponseBase
ACCOUNTS_PREFIX = "/accounts/"
LOCKED_OUT_SECONDS = 300  # the span of the per-key limit on failed sign-ins in ACCOUNT_RATE_LIMITS


def door(view: View) -> View:
    """Return `view` with the response made fit for a person who may be on the way to connecting a client."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        try:
            response = view(request, *args, **kwargs)
        except MailNotSent as problem:
            response = mail_not_sent(request, refused=problem.refused)
        keep_next(request, response)
        say_when_to_retry(response)
        show_flow(request, response)
        return response

    return wrapped


def mail_not_sent(request: HttpRequest, *, refused: bool) -> HttpResponse:
    """Answer where no code could be sent, known address or not, and leave the session as it was: the code sent before
    this one still counts."""
    request.session.modified = False
    form = request.path if request.method == "POST" else reverse("account_login")
    return errors.mail_unavailable(request, refused=refused, retry_url=form + onward(request))


def keep_next(request: HttpRequest, response: HttpResponse) -> None:
    """Carry `next` along where allauth redirects from one account page to another without it."""
    following = get_next_redirect_url(request)
    target = response.headers.get("Location", "")
    if following and target != following and target.startswith(ACCOUNTS_PREFIX) and not urlsplit(target).query:
        response.headers["Location"] = target + flow.onward(following)


def say_when_to_retry(response: HttpResponse) -> None:
    """Answer a locked-out address with its status and `Retry-After` (seconds; RFC 9110 §10.2.3), which allauth's form
    lacks. What is refused per caller comes from handler429 and has both."""
    if is_locked_out(response):
        response.status_code = 429
        response.headers["Retry-After"] = str(LOCKED_OUT_SECONDS)


def is_locked_out(response: HttpResponse) -> bool:
    """Tell whether this is the sign-in form refusing an address that failed too often."""
    form = (getattr(response, "context_data", None) or {}).get("form")
    return form is not None and form.has_error(NON_FIELD_ERRORS, "too_many_login_attempts")


def onward(request: HttpRequest) -> str:
    """Return what a link from this page adds, so that `next` is not lost on a detour over several pages."""
    return flow.onward(get_next_redirect_url(request))


def show_flow(request: HttpRequest, response: HttpResponse) -> None:
    """Name the client on the page and set the headers of a flow."""
    current = flow.of(request)
    if isinstance(response, TemplateResponse) and response.context_data is not None:
        response.context_data.pop("site", None)  # allauth's own `site` would hide ours
        response.context_data |= {
            "flow": current,
            "onward": onward(request),
            "passkeys_work": demand.passkeys_work(request),
            "may_sign_up": get_adapter().is_open_for_signup(request),
        }
    if current:
        flow_headers.apply(response, redirect_origin=current.redirect_origin)
