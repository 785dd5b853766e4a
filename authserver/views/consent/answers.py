"""What an authorization request is answered with: a redirect to the client, or a page of ours that says why not."""

from dataclasses import replace
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from authserver import policy
from authserver.protocol import redirects
from authserver.protocol.errors import Refusal
from authserver.protocol.trace.steps import Kind
from authserver.services import connections
from authserver.services.connections import Approval, Approved
from authserver.services.governance import decisions
from authserver.services.moving import issuers
from authserver.services.trace import error_uri
from authserver.telemetry import refusals
from authserver.toolkit.endpoints import AuthorizationRequest, FailedRequest
from authserver.views import errors
from authserver.views.consent import dead_ends, noting
from authserver.views.errors import ErrorPage
from handles.access import Seat


class AppRedirect(HttpResponseRedirect):
    """A redirect to a validated redirect URI; the schemes of known apps are among them."""

    allowed_schemes = ["https", "http", *policy.PRIVATE_USE_SCHEMES]


def fail(request: HttpRequest, failed: FailedRequest, query: str) -> HttpResponse:
    """Answer at the redirect URI, or on a page of ours where that is not to be trusted (RFC 6749 §4.1.2.1)."""
    refusals.told(failed.refusal)
    noting.refused(failed, query)
    if failed.redirect_uri:
        return send_back(failed.redirect_uri, failed.state, failed.refusal)
    return errors.show(request, dead_ends.page_for(failed))


def send_back(redirect_uri: str, state: str, refusal: Refusal) -> HttpResponse:
    """Tell the client no."""
    return _redirect(_answer_uri(redirect_uri, state, refusal.body() | {"error_uri": error_uri()}))


def answer_with(request: HttpRequest, asked: AuthorizationRequest, approval: Approval) -> HttpResponse:
    """Keep what the person decided and send the code to the client, or say that it has its answer."""
    return answer_of(request, asked, approval, connections.approve(approval, now=timezone.now()))


def answer_of(
    request: HttpRequest, asked: AuthorizationRequest, approval: Approval, approved: Approved | Refusal
) -> HttpResponse:
    """Send this code to the client, or say that it has its answer."""
    handle, scopes = approval.handle.slug, len(approval.granted)
    if isinstance(approved, Refusal):
        noting.step(Kind.ANSWER, asked, request, ok=False, code=approved.reason, handle=handle)
        signed_out = approved == connections.SIGNED_OUT
        return errors.show(request, dead_ends.expired() if signed_out else dead_ends.answered())
    how = "consent:remembered" if approval.is_remembered else "consent:allowed"
    found = approved.connection_id
    noting.step(Kind.ANSWER, asked, request, code=how, handle=handle, connection_id=found, scopes=scopes)
    return _redirect(_answer_uri(asked.redirect_uri, asked.state, {"code": approved.code}))


def wait(request: HttpRequest, asked: AuthorizationRequest, seat: Seat) -> HttpResponse:
    """Ask the admins of the handle to let the client in; no connection is made before they do."""
    user: User = request.user  # type: ignore[assignment]
    filed = decisions.ask(seat.handle, asked.client, by=user)
    if isinstance(filed, Refusal):
        return dead_end(request, dead_ends.queue_full(seat.handle.slug), asked, handle=seat.handle.slug)
    return dead_end(request, dead_ends.waits(seat, asked.client), asked, handle=seat.handle.slug)


def dead_end(
    request: HttpRequest, page: ErrorPage, asked: AuthorizationRequest, query: str = "", *, handle: str = ""
) -> HttpResponse:
    """Show a dead end with the link that tells the client no, so that it does not wait; and where somebody can be asked
    for help, let that lead back to this request."""
    noting.step(Kind.ANSWER, asked, request, ok=False, code=f"dead_end:{page.code}", handle=handle)
    refusal = Refusal("access_denied", "The person could not connect here.", f"dead_end:{page.code}")
    told = refusal.body() | {"error_uri": error_uri()}
    label = _("Return to %(app)s without connecting") % {"app": asked.client.name}
    link = _answer_uri(asked.redirect_uri, asked.state, told)
    help_url = page.help_url
    if help_url and query:
        help_url += "?next=" + quote(f"{reverse('authorize')}?{query}")
    return errors.show(request, replace(page, action_url=link, action_label=label, help_url=help_url))


def _answer_uri(redirect_uri: str, state: str, told: dict[str, str]) -> str:
    """Return the redirect URI with the answer, `state` as it came, and `iss`, the issuer that was asked, on success
    and error alike."""
    answer = told | ({"state": state} if state else {}) | {"iss": issuers.current()}
    return redirects.with_parameters(redirect_uri, answer)


def _redirect(uri: str) -> HttpResponse:
    response = AppRedirect(uri)
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response
