"""What every request gets: an id, which events, logs and error pages carry; and every page its language."""

import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation.trans_real import parse_accept_lang_header

from authserver import forms, throttles
from authserver.languages import choice
from authserver.protocol import addresses
from authserver.services import events
from authserver.services.events import RequestFacts
from authserver.services.moving import issuers
from authserver.telemetry import counts, spans
from authserver.views import errors, home, metrics

Handler = Callable[[HttpRequest], HttpResponse]
PROBES = {"/livez": home.livez, "/readyz": home.readyz, "/metrics": metrics.metrics}
# What programs read, and the administration, whose acts are too grave for words half translated. All of it is English.
ENGLISH = (
    "/oauth/", "/api", "/.well-known/", "/admin", "/static/", "/internal/", "/livez", "/readyz", "/metrics",
)  # fmt: skip


def client_address(request: HttpRequest) -> str | None:
    """Return the caller's address, seen through as many proxies as the deployment trusts, or None."""
    forwarded = request.headers.get("X-Forwarded-For", "")
    return addresses.of_caller(
        request.META.get("REMOTE_ADDR", ""), forwarded, proxies=settings.ALLAUTH_TRUSTED_PROXY_COUNT
    )


class ProbeMiddleware:
    """Answers the two probes, and whoever has METRICS_TOKEN, before anybody asks which host they are for: platforms ask
    every node by an address of its own."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        probe = PROBES.get(request.path) if request.method in ("GET", "HEAD") else None
        if probe is None or (probe is metrics.metrics and not metrics.has_token(request)):
            return self.get_response(request)
        response = probe(request)
        response["Content-Length"] = len(response.content)  # as CommonMiddleware would have it
        return response


class RequestIdMiddleware:
    """Gives each request an id (the proxy's `X-Request-Id` where it has the form of one) and returns it."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = events.request_id(request.headers.get("X-Request-Id", ""))
        request.request_id = request_id  # type: ignore[attr-defined]
        agent = events.agent(
            request.headers.get("User-Agent", ""), doctor=request.headers.get("X-Gatehouse-Doctor", "")
        )
        issuer = issuers.of_host(request.headers.get("Host", ""))
        with events.of_request(RequestFacts(client_address(request), request_id, agent, issuer=issuer)):
            response = self.get_response(request)
        response["X-Request-Id"] = request_id
        return response


class FiguresMiddleware:
    """Counts each request by the pattern of its address, with how long it took; and makes a span of it where traces
    are on."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.monotonic()
        with spans.during(request.method or "", request.headers.get("traceparent", "")) as span:
            response = self.get_response(request)
            endpoint = endpoint_of(request)
            span.close(endpoint, response.status_code)
        labels = ("django", endpoint, counts.STATUSES[response.status_code // 100])
        counts.REQUESTS.note_of_many(labels, time.monotonic() - began)
        return response


def endpoint_of(request: HttpRequest) -> str:
    """Return the pattern of the address, of which there are as many as urls.py has; the administration, static files
    and what is no address of ours count as one each."""
    match = request.resolver_match
    if match is None:
        known = [path for path in ("/static/", *PROBES) if request.path.startswith(path)]
        return known[0] if known else "none"
    return "/admin/" if match.route.startswith("admin/") else f"/{match.route}"


class LanguageMiddleware:
    """Lets each page speak its person's language: what the authorization request asks for (`ui_locales`), then what
    they chose themselves, then what their browser says. Programs hear English."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not is_page(request):
            return self.get_response(request)
        with translation.override(language_of(request)):
            response = designed(request, self.get_response(request))
            response.headers.setdefault("Content-Language", choice.tag_of(translation.get_language() or "en"))
        patch_vary_headers(response, ("Accept-Language", "Cookie"))
        return response


class ActsMiddleware:
    """Lets one person send settings.ACTS_PER_MINUTE forms a minute, wherever they are signed in. The API has a limit of
    its own, and so have the sign-in pages."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST" or _is_english(request) or not request.user.is_authenticated:
            return self.get_response(request)
        admitted = throttles.admit(f"acts_of_{request.user.pk}", limit=settings.ACTS_PER_MINUTE)
        wait = admitted.retry_after_seconds
        response = self.get_response(request) if admitted.count else errors.too_many_acts(request, wait_seconds=wait)
        return throttles.telling(response, admitted.headers("acts"))


def designed(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Return the answer, or a page in place of the empty one that Django gives to a method it does not know."""
    if response.status_code != 405 or response.streaming or response.content or request.method == "HEAD":
        return response
    page = errors.not_allowed(request)
    page.headers["Allow"] = response.headers["Allow"]
    return page


def is_page(request: HttpRequest) -> bool:
    """Tell whether a person may read the answer."""
    return not errors.wants_json(request) and not _is_english(request)


def _is_english(request: HttpRequest) -> bool:
    return request.path != choice.AUTHORIZE and request.path.startswith(ENGLISH)


def language_of(request: HttpRequest) -> str:
    """Return the language to answer this request in."""
    return (
        choice.asked_by(request.get_full_path())
        or choice.asked_by(_posted_address(request))
        or choice.best([request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")])
        or choice.best([_own(request)])
        or choice.best(tag for tag, _ in parse_accept_lang_header(request.headers.get("Accept-Language", "")))
        or settings.LANGUAGE_CODE
    )


def _posted_address(request: HttpRequest) -> str:
    """Return the authorization request that a form of the flow carries along: in `next`, or signed by the consent
    page."""
    if request.method != "POST":
        return ""
    try:
        signed = forms.read(request.POST.get("request", "")) if request.path == choice.AUTHORIZE else None
        return f"{choice.AUTHORIZE}?{signed.query}" if signed else request.POST.get(choice.NEXT, "")
    except UnreadablePostError:  # who sent it has gone
        return ""


def _own(request: HttpRequest) -> str:
    """Return what the person who is signed in chose once. Nobody is looked up where no session came."""
    if settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return ""
    return getattr(request.user, "language", "")
