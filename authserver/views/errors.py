"""Dead ends are pages: a title, the cause, the next step, the request's id. Programs get the same as JSON."""

import sys
from dataclasses import dataclass, replace

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import flow_headers
from authserver.languages import choice
from authserver.protocol.control.problems import MEDIA_TYPE, Kind, Problem
from authserver.protocol.trace.steps import Kind as Step
from authserver.services.trace import error_uri
from authserver.services.trace.links import path_of
from authserver.telemetry import counts
from authserver.views import context
from authserver.views.consent import noting
from authserver.views.responses import no_store


@dataclass(frozen=True)
class ErrorPage:
    """What a dead end tells a person. `action_url` is a way out, on this server or at a validated redirect URI;
    `help_url` a page of ours where somebody else can be asked, `trace_url` where one reads
    step by step what happened."""

    status: int
    code: str
    title: str
    cause: str
    next_step: str
    action_url: str = ""
    action_label: str = ""
    help_url: str = ""
    help_label: str = ""
    request_id: str = ""
    trace_url: str = ""
    details: tuple[tuple[str, str], ...] = ()
    retry_after_seconds: int = 0


# What broke, as programs and people are told.
FAULT = {"error": "server_error", "error_description": "The request could not be answered. Try again."}
OUTAGE = {
    "error": "temporarily_unavailable",
    "error_description": "This server cannot answer now. Ask again in a moment.",
}
OUTAGE_SECONDS = 5
API = "/api/"  # whose problems have a form of their own


def api_problem(request: HttpRequest, kind: Kind) -> HttpResponse | None:
    """Return the problem for a path of the control-plane API, or None for any other."""
    if not request.path.startswith(API):
        return None
    problem = Problem(kind)
    body = problem.body(issuer=settings.ISSUER, instance=getattr(request, "request_id", ""))
    return JsonResponse(body, status=kind.status, headers=problem.headers, content_type=MEDIA_TYPE)


def wants_json(request: HttpRequest) -> bool:
    """Tell whether the caller is a program: it accepts JSON and not HTML, or nothing but anything."""
    accept = request.headers.get("Accept", "")
    return "text/html" not in accept and "application/json" in accept


def show(request: HttpRequest, page: ErrorPage) -> HttpResponse:
    """Answer with the error page, or with its code and cause as JSON where a program asked."""
    response = _shown(request, page)
    if page.retry_after_seconds:
        response["Retry-After"] = str(page.retry_after_seconds)
    return response


def _shown(request: HttpRequest, page: ErrorPage) -> HttpResponse:
    request_id = getattr(request, "request_id", "")
    if wants_json(request):
        description = f"{page.cause} {page.next_step}"
        return no_store(
            {
                "error": page.code,
                "error_description": description,
                "error_uri": error_uri(request_id),
                "request_id": request_id,
            },
            status=page.status,
        )
    trace_url = path_of(request_id) if request_id and noting.is_of_flow(request) else ""
    shown = {"error": replace(page, request_id=request_id, trace_url=trace_url)}
    response = render(request, "errors/page.html", shown, status=page.status)
    flow_headers.apply(response, redirect_origin=None)
    return response


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return api_problem(request, Kind.NOT_FOUND) or show(
        request,
        ErrorPage(
            404, "not_found", _("There is nothing here"), _("No page has this address."), _("Check the address.")
        ),
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Without the request's context: reading the session for it may be what just failed. A database that is away is no
    fault of the request: 503, and when to try again."""
    is_outage = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    response = _broken(request, OUTAGE if is_outage else FAULT, Kind.UNAVAILABLE if is_outage else Kind.SERVER_ERROR)
    if is_outage:
        response["Retry-After"] = str(OUTAGE_SECONDS)
    return response


def _broken(request: HttpRequest, broken: dict[str, str], kind: Kind) -> HttpResponse:
    told_to_program = api_problem(request, kind)
    if told_to_program:
        return told_to_program
    request_id: str = getattr(request, "request_id", "")
    told = broken | {"error_uri": error_uri(request_id), "request_id": request_id}
    noting.failed(request, f"server:{'unavailable' if kind is Kind.UNAVAILABLE else 'failed'}")
    if wants_json(request) or (request.path.startswith("/oauth/") and request.path != choice.AUTHORIZE):
        return no_store(told, status=kind.status)
    trace_url = path_of(request_id) if request_id and noting.is_of_flow(request) else ""
    page = render_to_string("500.html", told | {"site": context.about(), "trace_url": trace_url})
    response = HttpResponse(page, status=kind.status)
    flow_headers.apply(response, redirect_origin=None)
    return response


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return api_problem(request, Kind.MALFORMED) or show(
        request,
        ErrorPage(
            400, "invalid_request", _("This request cannot be read"), _("A part of it is malformed."), _("Start again.")
        ),
    )


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return api_problem(request, Kind.FORBIDDEN) or show(
        request,
        ErrorPage(
            403,
            "forbidden",
            _("Not for this account"),
            _("You may not see this page."),
            _("Sign in as someone else."),
        ),
    )


def too_many(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    noting.failed(request, "sign_in:too_many", kind=Step.SIGN_IN)
    return too_many_acts(request, wait_seconds=60)


def too_many_acts(request: HttpRequest, *, wait_seconds: int) -> HttpResponse:
    """Where one caller does too much in a minute: neither judged nor noted as a try to sign in."""
    return show(
        request,
        ErrorPage(
            429,
            "too_many_requests",
            _("Too many tries"),
            _("Too many attempts came from here in a short time."),
            wait(wait_seconds),
            retry_after_seconds=wait_seconds,
        ),
    )


def mail_unavailable(request: HttpRequest, *, refused: bool, retry_url: str) -> HttpResponse:
    """Where a code could not be sent: the mail server is away, or `refused` the message. `retry_url` is the form."""
    noting.failed(request, "sign_in:mail_refused" if refused else "sign_in:mail_unavailable", kind=Step.SIGN_IN)
    cause, next_step = _("Our mail server does not answer, so no code was sent. Nothing was changed."), wait(60)
    if refused:
        cause = _(
            "The mail server did not take our message for this address, so no code was sent. Nothing was changed."
        )
        next_step = _("Check the address for typing mistakes, wait a minute, then try again.")
    return show(
        request,
        ErrorPage(
            503,
            "mail_unavailable",
            _("The e-mail could not be sent"),
            cause,
            next_step,
            action_url=retry_url,
            action_label=_("Try again"),
            retry_after_seconds=60,
        ),
    )


def wait(seconds: int) -> str:
    """Return how long to wait before the next try, in words."""
    minutes = -(-seconds // 60)
    if minutes == 1:
        return _("Wait a minute, then try again.")
    return ngettext(
        "Wait %(minutes)s minute, then try again.", "Wait %(minutes)s minutes, then try again.", minutes
    ) % {"minutes": minutes}


def not_allowed(request: HttpRequest) -> HttpResponse:
    """What Django answers with an empty body: an address that only takes what a form sends."""
    return show(
        request,
        ErrorPage(
            405,
            "method_not_allowed",
            _("This address is not a page"),
            _("It only takes what a form of ours sends, for example when you press a button."),
            _("Go back and use the button again."),
        ),
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    counts.refused("expired", "request:csrf")
    noting.failed(request, "csrf:failed")
    again, reload = _("Go back to the app and connect again."), _("Go back, reload the page and try once more.")
    next_step = again if noting.is_of_flow(request) else reload
    return show(
        request,
        ErrorPage(
            403,
            "expired",
            _("This page was open too long"),
            _("The form no longer belongs to your session, or your browser blocks cookies for this site."),
            next_step,
        ),
    )
