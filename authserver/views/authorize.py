"""The authorization endpoint: check, sign in, ask, answer.

The request is checked before anybody is asked to sign in, and again when the form comes back; it rides signed in the
form and nothing is stored before Allow. Every answer to the client carries `iss`.
"""

import logging
import uuid
from dataclasses import replace
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import flow_headers, recent
from accounts.models import User
from authserver import forms, policy
from authserver.forms import Choice, SignedRequest
from authserver.languages.catalog import in_sentence
from authserver.models import Scope
from authserver.protocol import parameters, redirects, scopes
from authserver.protocol.errors import Refusal
from authserver.protocol.tools import Manifest
from authserver.protocol.trace.steps import Kind
from authserver.services import background, catalog, connections, documents
from authserver.services.connections import Approval
from authserver.services.tools import manifests
from authserver.toolkit.endpoints import AuthorizationRequest, FailedRequest, read_authorization
from authserver.views import errors, responses
from authserver.views.consent import answers, asker, dead_ends, noting, page, remembered
from authserver.views.consent.seats import Seats, seats_for
from authserver.views.errors import ErrorPage
from authserver.views.handles.people import accepting
from handles.access import Seat

log = logging.getLogger(__name__)
PATH = "/oauth/authorize"


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


def flow_in(url: str) -> tuple[str, str] | None:
    """Return the client's name and the origin to be answered, for the sign-in page that leads to this URL; None
    where it leads elsewhere or the request is not valid."""
    path, _, query = url.partition("?")
    asked = read(query, may_fetch=False) if path == PATH else None
    if not isinstance(asked, AuthorizationRequest):
        return None
    return asked.client.name, redirects.destination(asked.redirect_uri).form_action


def manifest_for(asked: AuthorizationRequest) -> Manifest:
    """Return the tools that are published at the endpoint of a request."""
    return manifests.manifest_of(uuid.UUID(asked.target.pattern_id))


# --- GET: ask


def ask(request: HttpRequest, query: str) -> HttpResponse:
    """Show the consent page, or send to the sign-in page first. Free of side effects for whoever is not signed in: some
    clients fetch this address themselves before they open a browser. A person gets a code without a page only as
    `remembered` allows; a request that comes twice then gets two codes, each good for a minute."""
    asked = read(query)
    if isinstance(asked, FailedRequest):
        return answers.fail(request, asked, query)
    if documents.claim_refresh(asked.client, now=timezone.now()):
        background.begin("authserver.tasks.refresh_client_document", asked.client.pk)
    noting.arrived(asked, request)
    if "none" in asked.prompts:
        return answer_without_asking(request, asked)
    if not request.user.is_authenticated:
        noting.step(Kind.SIGN_IN, asked, request, code="sign_in:asked")
        return HttpResponseRedirect(f"{reverse('account_login')}?next={quote(f'{PATH}?{query}')}")
    return meet(request, asked, query)


def answer_without_asking(request: HttpRequest, asked: AuthorizationRequest) -> HttpResponse:
    """`prompt=none` gets no code here: consent is always a person's (OpenID Connect Core §3.1.2.6)."""
    code = "consent_required" if request.user.is_authenticated else "login_required"
    refusal = Refusal(code, "A person has to answer this request.", f"authorize:{code}")
    noting.step(Kind.ANSWER, asked, request, ok=False, code=refusal.reason)
    return answers.send_back(asked.redirect_uri, asked.state, refusal)


def meet(request: HttpRequest, asked: AuthorizationRequest, query: str) -> HttpResponse:
    """Answer a request that nobody has answered yet: as before without asking, with one button, or in full."""
    user: User = request.user  # type: ignore[assignment]
    seats = seats_for(asked, user)
    if isinstance(seats, ErrorPage):
        return answers.dead_end(request, seats, asked, query)
    manifest = manifest_for(asked)
    found = remembered.judge(request, asked, user=user, seats=seats, manifest=manifest)
    log.info("consent %s: %s", found.judgement.answer, " ".join(found.judgement.reasons))
    if found.seat is None or found.is_asked:
        return show(request, asked, query=query, seats=seats, manifest=manifest)
    if found.is_silent:
        return go_on(request, asked, found.seat, query=query, consent_id=uuid.uuid4())
    short = remembered.build(
        asked, user=user, seats=seats, seat=found.seat, signed=forms.sign(query, user), query=query
    )
    handle, count = found.seat.handle.slug, len(seats.offered)
    noting.step(Kind.CONSENT, asked, request, code="consent:short", handle=handle, handles=count)
    return finish_page(request, "authorize/continue.html", short, asked)


def show(
    request: HttpRequest,
    asked: AuthorizationRequest,
    *,
    query: str,
    seats: Seats,
    manifest: Manifest | None = None,
    choice: Choice | None = None,
    problem: str = "",
) -> HttpResponse:
    """Show the consent page; with the `choice` so far, and a `problem` that it met, show it again. `manifest` is asked
    for where it is not at hand."""
    user: User = request.user  # type: ignore[assignment]
    if not seats.fixed and not seats.offered:
        noting.step(Kind.CONSENT, asked, request, ok=False, code="consent:no_handle")
        first = accepting.first_handle(request, client_name=asked.client.name, onward=f"{PATH}?{query}")
        return finish_page(request, "authorize/no_handle.html", first, asked, status=403)
    manifest = manifest or manifest_for(asked)
    built = page.build(
        asked,
        user=user,
        seats=seats,
        manifest=manifest,
        signed=forms.sign(query, user, tools_version=manifest.version),
        query=query,
        choice=choice,
        errors=(problem,) if problem else (),
    )
    noting.step(
        Kind.CONSENT,
        asked,
        request,
        code="consent:step_up" if built.already else "consent:full",
        handle=seats.fixed.handle.slug if seats.fixed else "",
        handles=len(seats.offered),
        corrected=int(bool(problem)),
    )
    return finish_page(request, "authorize/consent.html", built, asked)


def finish_page(
    request: HttpRequest, template: str, content: object, asked: AuthorizationRequest, *, status: int = 200
) -> HttpResponse:
    response = render(request, template, {"page": content}, status=status)
    flow_headers.apply(response, redirect_origin=redirects.destination(asked.redirect_uri).form_action)
    return response


# --- POST: decide


def decide(request: HttpRequest) -> HttpResponse:
    """Answer a consent form: Cancel, or Allow, or the page again with what is missing."""
    signed = forms.read(request.POST.get("request", ""))
    if signed is None:
        noting.failed(request, "consent:unsigned")
        return errors.show(request, dead_ends.expired())
    if not request.user.is_authenticated or str(request.user.pk) != signed.user_id or signed.is_expired:
        noting.failed(request, "consent:too_late" if signed.is_expired else "consent:other_person")
        return HttpResponseRedirect(f"{PATH}?{signed.query}")  # ask again: another person, or too late
    asked = read(signed.query)
    if isinstance(asked, FailedRequest):
        return answers.fail(request, asked, signed.query)
    choice = Choice.of(request.POST)
    if choice.decision == "cancel":
        return cancel(request, asked)
    seats = seats_for(asked, request.user)  # type: ignore[arg-type]
    if isinstance(seats, ErrorPage):
        return answers.dead_end(request, seats, asked, signed.query)
    return follow(request, asked, signed, choice=choice, seats=seats)


def follow(
    request: HttpRequest, asked: AuthorizationRequest, signed: SignedRequest, *, choice: Choice, seats: Seats
) -> HttpResponse:
    """Do what the button says that was pressed; a preset or a search brings the page back as it was filled in."""
    if choice.decision == "continue":
        return proceed(request, asked, signed, seats)
    if choice.decision == "choose":
        return show(request, asked, query=signed.query, seats=seats)
    if not choice.is_decided:
        return show(request, asked, query=signed.query, seats=seats, choice=choice)
    return allow(request, asked, signed, choice=choice, seats=seats)


def cancel(request: HttpRequest, asked: AuthorizationRequest) -> HttpResponse:
    user: User = request.user  # type: ignore[assignment]
    connections.deny(user, asked.client, target=asked.target)
    refusal = Refusal("access_denied", "The person did not allow it.", "consent:cancelled")
    noting.step(Kind.ANSWER, asked, request, ok=False, code=refusal.reason)
    return answers.send_back(asked.redirect_uri, asked.state, refusal)


def proceed(request: HttpRequest, asked: AuthorizationRequest, signed: SignedRequest, seats: Seats) -> HttpResponse:
    """Answer the page with one button. Nothing of the form is believed: what stands now decides, once more."""
    manifest = manifest_for(asked)
    found = remembered.judge(request, asked, user=request.user, seats=seats, manifest=manifest)  # type: ignore[arg-type]
    if found.seat is None or found.is_asked:
        return show(request, asked, query=signed.query, seats=seats, manifest=manifest)
    return go_on(request, asked, found.seat, query=signed.query, consent_id=signed.consent_id)


def go_on(
    request: HttpRequest, asked: AuthorizationRequest, seat: Seat, *, query: str, consent_id: uuid.UUID
) -> HttpResponse:
    """Give the client what it has already; where that changed a moment ago, ask after all."""
    approval = approval_of(request, asked, seat, consent_id=consent_id, wanted=asked.wanted, is_remembered=True)
    approved = connections.approve(approval, now=timezone.now())
    if approved == connections.CHANGED:
        seats = seats_for(asked, request.user)  # type: ignore[arg-type]
        if isinstance(seats, ErrorPage):
            return answers.dead_end(request, seats, asked, query)
        return show(request, asked, query=query, seats=seats)
    return answers.answer_of(request, asked, approval, approved)


def allow(
    request: HttpRequest, asked: AuthorizationRequest, signed: SignedRequest, *, choice: Choice, seats: Seats
) -> HttpResponse:
    """Grant what was ticked, within what the person's role at the handle may grant and its admins do not withhold.

    What is withheld counts as not asked for: the person's word on it stays as it was, for when it is given back.
    """
    seat = seats.chosen(choice.handle)
    if seat is None or choice.decision != "allow":
        problem = _("Choose one handle.") if seat is None else _("Choose Allow or Cancel.")
        return show(request, asked, query=signed.query, seats=seats, choice=choice, problem=problem)
    withheld = seats.standing.withheld(seat.handle)
    wanted = tuple(name for name in asked.wanted if name not in withheld)
    granted = tuple(scopes.granted(wanted, choice.ticked, role=seat.role, catalog=catalog.current()))
    if not granted:
        where = {"role": in_sentence(seat.role.label), "handle": seat.handle.slug}
        problem = _("As %(role)s of @%(handle)s you can allow none of this.") % where
        return show(request, asked, query=signed.query, seats=seats, choice=choice, problem=problem)
    if seats.waits(seat):
        return answers.wait(request, asked, seat)
    if needs_recent_sign_in(asked, granted) and not recent.is_recent(request):
        noting.step(Kind.SIGN_IN, asked, request, code="sign_in:again", handle=seat.handle.slug)
        return recent.ask(request, f"{PATH}?{signed.query}")
    approval = approval_of(request, asked, seat, consent_id=signed.consent_id, wanted=wanted, granted=granted)
    return answers.answer_with(request, asked, replace(approval, tools_version=signed.tools_version))


def needs_recent_sign_in(asked: AuthorizationRequest, granted: tuple[str, ...]) -> bool:
    """Tell whether an Allow is one that somebody at a browser left open must not give: nobody vouches for the client,
    and it gets to manage what others see."""
    known = catalog.current()
    manages = any(known[name].level == Scope.Level.MANAGE for name in granted)
    return manages and asker.badge_of(asked.client) == asker.UNVERIFIED


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
