"""The authorization endpoint: check, sign in, ask, answer.

The request is checked before anybody is asked to sign in, and again when the form comes back; it rides signed in the
form and nothing is stored before Allow. Every answer to the client carries `iss`.
"""

import logging
import uuid
from dataclasses import replace
from urllib.parse import quote

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from accounts import flow_headers
from accounts.models import User
from authserver import forms, policy, tasks
from authserver.forms import Choice, SignedRequest
from authserver.protocol import parameters, redirects, scopes
from authserver.protocol.errors import Refusal
from authserver.services import catalog, connections, documents
from authserver.services.connections import Approval
from authserver.services.governance import decisions, verdicts
from authserver.toolkit.endpoints import AuthorizationRequest, FailedRequest, read_authorization
from authserver.views import authorize_errors, consent_page, errors, responses
from authserver.views.consent import remembered, standing
from authserver.views.consent.standing import Standing
from authserver.views.consent_page import Seats
from authserver.views.errors import ErrorPage
from authserver.views.handles.people import accepting
from handles import access
from handles.access import Seat
from handles.models import Handle

log = logging.getLogger(__name__)
PATH = "/oauth/authorize"


class AppRedirect(HttpResponseRedirect):
    """A redirect to a validated redirect URI; the schemes of known apps are among them."""

    allowed_schemes = ["https", "http", *policy.PRIVATE_USE_SCHEMES]


def authorize(request: HttpRequest) -> HttpResponse:
    """Obeys: RFC 6749 §4.1.1, OAuth 2.1 §4.1, RFC 9207 §2."""
    response = _answer(request)
    # On redirects too: Chromium cuts a popup from the client that opened it at the first answer with another policy.
    response["Cross-Origin-Opener-Policy"] = "unsafe-none"
    return response


def _answer(request: HttpRequest) -> HttpResponse:
    if request.method in ("GET", "HEAD"):
        return ask(request, request.META.get("QUERY_STRING", ""))
    if request.method == "POST":
        return decide(request)
    return responses.method_not_allowed("GET", "POST")


# --- The request


def read(query: str, *, may_fetch: bool = True) -> AuthorizationRequest | FailedRequest:
    """Return the authorization request in this query string, or how it fails."""
    if len(query) > policy.QUERY_LENGTH_MAX:
        return FailedRequest(Refusal("invalid_request", "The request is too long.", "authorize:too_long"))
    found = parameters.parse(query)
    return FailedRequest(found) if isinstance(found, Refusal) else read_authorization(found, may_fetch=may_fetch)


def seats_for(asked: AuthorizationRequest, user: User) -> Seats | ErrorPage:
    """Return the handles this request can be about for this person, or the page that says why there is none."""
    mine = standing.read(asked, user)
    if asked.target.handle is None:
        offered = tuple(access.seats_of(user))
        return Seats(None, offered, verdicts.verdicts_for([seat.handle for seat in offered], asked.client), mine)
    return fixed_seat(asked, user, mine)


def fixed_seat(asked: AuthorizationRequest, user: User, mine: Standing) -> Seats | ErrorPage:
    """Return the one handle that the address names, or the page that says why this person cannot connect there."""
    assert asked.target.handle is not None
    handle = access.find(asked.target.handle)
    if handle is None:
        return authorize_errors.unknown_handle(asked)
    if handle.status != Handle.Status.ACTIVE:
        return authorize_errors.suspended_handle(handle.slug)
    role = access.role_in(handle, user)
    if role is None:
        return authorize_errors.not_a_member(handle.slug, user)
    seat = Seat(handle, role)
    seats = Seats(seat, (), verdicts.verdicts_for([handle], asked.client), mine)
    if mine.obstacle(handle):
        return authorize_errors.paused(handle.slug, asked.client, mine.obstacle(handle))
    obstacle = seats.obstacle(seat)
    return authorize_errors.not_let_in(handle.slug, asked.client, obstacle) if obstacle else seats


def flow_in(url: str) -> tuple[str, str] | None:
    """Return the client's name and the origin to be answered, for the sign-in page that leads to this URL; None
    where it leads elsewhere or the request is not valid."""
    path, _, query = url.partition("?")
    asked = read(query, may_fetch=False) if path == PATH else None
    if not isinstance(asked, AuthorizationRequest):
        return None
    return asked.client.name, redirects.destination(asked.redirect_uri).form_action


# --- GET: ask


def ask(request: HttpRequest, query: str) -> HttpResponse:
    """Show the consent page, or send to the sign-in page first. Free of side effects for whoever is not signed in: some
    clients fetch this address themselves before they open a browser. A person gets a code without a page only as
    `remembered` allows; a request that comes twice then gets two codes, each good for a minute."""
    asked = read(query)
    if isinstance(asked, FailedRequest):
        return fail(request, asked)
    if documents.claim_refresh(asked.client, now=timezone.now()):
        tasks.refresh_client_document.delay(asked.client.pk)
    if "none" in asked.prompts:
        return answer_without_asking(request, asked)
    if not request.user.is_authenticated:
        return HttpResponseRedirect(f"{reverse('account_login')}?next={quote(f'{PATH}?{query}')}")
    return meet(request, asked, query)


def answer_without_asking(request: HttpRequest, asked: AuthorizationRequest) -> HttpResponse:
    """`prompt=none` gets no code here: consent is always a person's (OpenID Connect Core §3.1.2.6)."""
    code = "consent_required" if request.user.is_authenticated else "login_required"
    refusal = Refusal(code, "A person has to answer this request.", f"authorize:{code}")
    return send_back(asked.redirect_uri, asked.state, refusal)


def meet(request: HttpRequest, asked: AuthorizationRequest, query: str) -> HttpResponse:
    """Answer a request that nobody has answered yet: as before without asking, with one button, or in full."""
    user: User = request.user  # type: ignore[assignment]
    seats = seats_for(asked, user)
    if isinstance(seats, ErrorPage):
        return errors.show(request, way_back(seats, asked, query))
    found = remembered.judge(request, asked, user=user, seats=seats)
    log.info("consent %s: %s", found.judgement.answer, " ".join(found.judgement.reasons))
    if found.seat is None or found.is_asked:
        return show(request, asked, query=query, seats=seats)
    if found.is_silent:
        return go_on(request, asked, found.seat, query=query, consent_id=uuid.uuid4())
    page = remembered.build(asked, user=user, seats=seats, seat=found.seat, signed=forms.sign(query, user), query=query)
    return finish_page(request, "authorize/continue.html", page, asked)


def show(
    request: HttpRequest,
    asked: AuthorizationRequest,
    *,
    query: str,
    seats: Seats,
    choice: Choice | None = None,
    problem: str = "",
) -> HttpResponse:
    """Show the consent page; with `problem` and the `choice` that met it, show it again."""
    user: User = request.user  # type: ignore[assignment]
    if not seats.fixed and not seats.offered:
        first = accepting.first_handle(request, client_name=asked.client.name, onward=f"{PATH}?{query}")
        return finish_page(request, "authorize/no_handle.html", first, asked, status=403)
    page = consent_page.build(
        asked,
        user=user,
        seats=seats,
        signed=forms.sign(query, user),
        query=query,
        choice=choice,
        errors=(problem,) if problem else (),
    )
    return finish_page(request, "authorize/consent.html", page, asked)


def finish_page(
    request: HttpRequest, template: str, page: object, asked: AuthorizationRequest, *, status: int = 200
) -> HttpResponse:
    response = render(request, template, {"page": page}, status=status)
    flow_headers.apply(response, redirect_origin=redirects.destination(asked.redirect_uri).form_action)
    return response


def way_back(page: ErrorPage, asked: AuthorizationRequest, query: str = "") -> ErrorPage:
    """Give a dead end the link that tells the client no, so that it does not wait; and where somebody can be asked for
    help, let that lead back to this request."""
    link = _answer_uri(asked.redirect_uri, asked.state, {"error": "access_denied", "error_description": page.title})
    help_url = f"{page.help_url}?next={quote(f'{PATH}?{query}')}" if page.help_url and query else page.help_url
    label = f"Return to {asked.client.name} without connecting"
    return replace(page, action_url=link, action_label=label, help_url=help_url)


# --- POST: decide


def decide(request: HttpRequest) -> HttpResponse:
    """Answer a consent form: Cancel, or Allow, or the page again with what is missing."""
    signed = forms.read(request.POST.get("request", ""))
    if signed is None:
        return errors.show(request, authorize_errors.expired())
    if not request.user.is_authenticated or str(request.user.pk) != signed.user_id or signed.is_expired:
        return HttpResponseRedirect(f"{PATH}?{signed.query}")  # ask again: another person, or too late
    asked = read(signed.query)
    if isinstance(asked, FailedRequest):
        return fail(request, asked)
    choice = Choice.of(request.POST)
    if choice.decision == "cancel":
        return cancel(request, asked)
    seats = seats_for(asked, request.user)  # type: ignore[arg-type]
    if isinstance(seats, ErrorPage):
        return errors.show(request, way_back(seats, asked, signed.query))
    if choice.decision == "continue":
        return proceed(request, asked, signed, seats)
    if choice.decision == "choose":
        return show(request, asked, query=signed.query, seats=seats)
    return allow(request, asked, signed, choice=choice, seats=seats)


def cancel(request: HttpRequest, asked: AuthorizationRequest) -> HttpResponse:
    user: User = request.user  # type: ignore[assignment]
    connections.deny(user, asked.client, target=asked.target)
    refusal = Refusal("access_denied", "The person did not allow it.", "consent:cancelled")
    return send_back(asked.redirect_uri, asked.state, refusal)


def proceed(request: HttpRequest, asked: AuthorizationRequest, signed: SignedRequest, seats: Seats) -> HttpResponse:
    """Answer the page with one button. Nothing of the form is believed: what stands now decides, once more."""
    found = remembered.judge(request, asked, user=request.user, seats=seats)  # type: ignore[arg-type]
    if found.seat is None or found.is_asked:
        return show(request, asked, query=signed.query, seats=seats)
    return go_on(request, asked, found.seat, query=signed.query, consent_id=signed.consent_id)


def go_on(
    request: HttpRequest, asked: AuthorizationRequest, seat: Seat, *, query: str, consent_id: uuid.UUID
) -> HttpResponse:
    """Give the client what it has already; where that changed a moment ago, ask after all."""
    code = connections.approve(
        approval_of(request, asked, seat, consent_id=consent_id, wanted=asked.wanted, is_remembered=True),
        now=timezone.now(),
    )
    if code == connections.CHANGED:
        seats = seats_for(asked, request.user)  # type: ignore[arg-type]
        if isinstance(seats, ErrorPage):
            return errors.show(request, way_back(seats, asked, query))
        return show(request, asked, query=query, seats=seats)
    return answer_with(request, asked, code)


def allow(
    request: HttpRequest, asked: AuthorizationRequest, signed: SignedRequest, *, choice: Choice, seats: Seats
) -> HttpResponse:
    """Grant what was ticked, within what the person's role at the handle may grant and its admins do not withhold.

    What is withheld counts as not asked for: the person's word on it stays as it was, for when it is given back.
    """
    seat = chosen_seat(seats, choice)
    if seat is None or choice.decision != "allow":
        problem = "Choose one handle." if seat is None else "Choose Allow or Cancel."
        return show(request, asked, query=signed.query, seats=seats, choice=choice, problem=problem)
    withheld = seats.standing.withheld(seat.handle)
    wanted = tuple(name for name in asked.wanted if name not in withheld)
    granted = tuple(scopes.granted(wanted, choice.ticked, role=seat.role, catalog=catalog.current()))
    if not granted:
        problem = f"As {seat.role.label.lower()} of @{seat.handle.slug} you can allow none of this."
        return show(request, asked, query=signed.query, seats=seats, choice=choice, problem=problem)
    if seats.waits(seat):
        return wait(request, asked, seat)
    approval = approval_of(request, asked, seat, consent_id=signed.consent_id, wanted=wanted, granted=granted)
    return answer_with(request, asked, connections.approve(approval, now=timezone.now()))


def chosen_seat(seats: Seats, choice: Choice) -> Seat | None:
    """Return the handle that this Allow is for. A handle fixed by the resource is never taken from the form."""
    if seats.fixed or not choice.handle:
        return seats.settled
    return next((seat for seat in seats.usable if seat.handle.slug == choice.handle), None)


def approval_of(
    request: HttpRequest,
    asked: AuthorizationRequest,
    seat: Seat,
    *,
    consent_id: uuid.UUID,
    wanted: tuple[str, ...],
    granted: tuple[str, ...] | None = None,
    is_remembered: bool = False,
) -> Approval:
    """Return what a person decided; without `granted`, all that was wanted."""
    return Approval(
        user=request.user,  # type: ignore[arg-type]
        client=asked.client,
        handle=seat.handle,
        target=asked.target,
        wanted=wanted,
        granted=wanted if granted is None else granted,
        redirect_uri=asked.redirect_uri,
        code_challenge=asked.code_challenge,
        consent_id=consent_id,
        is_remembered=is_remembered,
    )


def answer_with(request: HttpRequest, asked: AuthorizationRequest, code: str | Refusal) -> HttpResponse:
    """Send the code to the client, or say that it has its answer."""
    if isinstance(code, Refusal):
        signed_out = code == connections.SIGNED_OUT
        return errors.show(request, authorize_errors.expired() if signed_out else authorize_errors.answered())
    return _redirect(_answer_uri(asked.redirect_uri, asked.state, {"code": code}))


def wait(request: HttpRequest, asked: AuthorizationRequest, seat: Seat) -> HttpResponse:
    """Ask the admins of the handle to let the client in; no connection is made before they do."""
    user: User = request.user  # type: ignore[assignment]
    filed = decisions.ask(seat.handle, asked.client, by=user)
    if isinstance(filed, Refusal):
        return errors.show(request, way_back(authorize_errors.queue_full(seat.handle.slug), asked))
    return errors.show(request, way_back(authorize_errors.waits(seat, asked.client), asked))


# --- Answers


def fail(request: HttpRequest, failed: FailedRequest) -> HttpResponse:
    """Answer at the redirect URI, or on a page of ours where that is not to be trusted (RFC 6749 §4.1.2.1)."""
    log.info("refused %s: %s", failed.refusal.code, failed.refusal.reason)
    if failed.redirect_uri:
        return send_back(failed.redirect_uri, failed.state, failed.refusal)
    return errors.show(request, authorize_errors.page_for(failed))


def send_back(redirect_uri: str, state: str, refusal: Refusal) -> HttpResponse:
    told = {"error": refusal.code, "error_description": refusal.description}
    return _redirect(_answer_uri(redirect_uri, state, told))


def _answer_uri(redirect_uri: str, state: str, told: dict[str, str]) -> str:
    """Return the redirect URI with the answer, `state` as it came, and `iss` on success and error alike."""
    answer = told | ({"state": state} if state else {}) | {"iss": settings.ISSUER}
    return redirects.with_parameters(redirect_uri, answer)


def _redirect(uri: str) -> HttpResponse:
    response = AppRedirect(uri)
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"
    return response
