"""Requests and answers at the door."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from authserver.protocol import addresses
from authserver.protocol.errors import Refusal
from authserver.services import events
from authserver.services.events import RequestFacts
from authserver.services.moving import issuers
from authserver.services.trace import error_uri
from authserver.telemetry import refusals
from authserver.throttles import TOO_MANY_REQUESTS

NO_STORE = b"content-type: application/json\r\ncache-control: no-store\r\npragma: no-cache\r\n"
CORS = (  # as views.responses.cors says it
    b"access-control-allow-origin: *\r\n"
    b"access-control-expose-headers: WWW-Authenticate, Retry-After, RateLimit, RateLimit-Policy\r\n"
)
ALWAYS = (
    b"x-content-type-options: nosniff\r\nreferrer-policy: same-origin\r\n"
    b"content-security-policy: default-src 'none'; frame-ancestors 'none'\r\n"
)
if settings.SECURE_HSTS_SECONDS:
    ALWAYS += b"strict-transport-security: max-age=%d; includeSubDomains; preload\r\n" % settings.SECURE_HSTS_SECONDS
RETRY_AFTER_SECONDS = 1
PROBES = ("/livez", "/readyz")
ONLY_SECURE, BEHIND_PROXY = settings.SECURE_SSL_REDIRECT, bool(settings.TRUSTED_PROXY_COUNT)


@dataclass(frozen=True, slots=True)
class Request:
    """One request, read to its end. Header names are in lower case, each with its one value."""

    method: str
    path: str
    headers: Mapping[bytes, bytes] = field(repr=False)
    address: str
    id: str
    body: bytes = field(repr=False)

    def header(self, name: bytes) -> str:
        return self.headers.get(name, b"").decode("latin-1")


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of the door; `headers` as they are written. The body may carry secrets."""

    status: int
    body: bytes = field(repr=False)
    headers: bytes = NO_STORE
    is_lost: bool = False  # it is never written: the connection is cut instead


LOST = Response(502, b"", is_lost=True)


def facts_of(request: Request) -> RequestFacts:
    """Return where a request came from, as the middleware tells it for a view."""
    forwarded = request.header(b"x-forwarded-for")
    address = addresses.of_caller(request.address, forwarded, proxies=settings.ALLAUTH_TRUSTED_PROXY_COUNT)
    agent = events.agent(request.header(b"user-agent"), doctor=request.header(b"x-gatehouse-doctor"))
    return RequestFacts(address, request.id, agent, issuer=issuer_of(request))


def issuer_of(request: Request) -> str:
    """Return the issuer that a request asked."""
    return issuers.of_host(request.header(b"host"))


def no_store(body: object, *, status: int = 200, headers: bytes = b"") -> Response:
    """Return a JSON answer that nobody may keep (RFC 6749 §5.1), as `views.responses.no_store` does."""
    return Response(status, json.dumps(body).encode(), NO_STORE + headers)


def refused(refusal: Refusal, request: Request, *, challenge: str = "", headers: bytes = b"") -> Response:
    """Return the public half of a refusal; `challenge` goes with a 401."""
    refusals.told(refusal, request_id=request.id, traceparent=request.header(b"traceparent"))
    if challenge and refusal.status == 401:
        headers += b"www-authenticate: %s\r\n" % challenge.encode()
    return no_store(refusal.body(), status=refusal.status, headers=headers)


def explained(answer: Response, request: Request) -> Response:
    """Return an error that says where its request can be read of."""
    body = json.loads(answer.body) | {"error_uri": error_uri(request.id)}
    return replace(answer, body=json.dumps(body).encode())


def lines(headers: Mapping[str, str]) -> bytes:
    """Return headers as they are written."""
    return "".join(f"{name.lower()}: {value}\r\n" for name, value in headers.items()).encode("latin-1")


def unavailable(reason: str) -> Response:
    """Return 503 with the time after which to ask again: there is too much to do, or no database. Never a guess."""
    refusal = Refusal("temporarily_unavailable", "This server cannot answer now. Ask again in a moment.", reason)
    return no_store(refusal.body(), status=503, headers=b"retry-after: %d\r\n" % RETRY_AFTER_SECONDS)


def too_many(headers: Mapping[str, str]) -> Response:
    """Return 429 with these headers, in words that no client takes for the end of its credentials (RFC 6585 §4)."""
    return no_store(TOO_MANY_REQUESTS.body(), status=429, headers=lines(headers))


def written(response: Response, request_id: str, *, is_last: bool) -> bytes:
    """Return the header lines of an answer and the empty line after them."""
    end = b"connection: close\r\n\r\n" if is_last else b"\r\n"
    return b"%s%sx-request-id: %s\r\ncontent-length: %d\r\n%s" % (
        response.headers, ALWAYS, request_id.encode(), len(response.body), end
    )  # fmt: skip


def plain(scope: Mapping[str, Any], body: bytes) -> Request | None:
    """Return the request where nothing about it is unusual: each header once, no query, a host of ours, the scheme that
    is wanted. None: Django knows what to say."""
    headers = dict(scope["headers"])
    if len(headers) != len(scope["headers"]) or scope["query_string"]:
        return None
    is_ours = is_host_of_ours(headers.get(b"host", b"")) and (not ONLY_SECURE or _is_secure(headers))
    if not is_ours and scope["path"] not in PROBES:  # platforms ask under addresses of their own, without TLS
        return None
    request_id = events.request_id(headers.get(b"x-request-id", b"").decode("latin-1"))
    client = scope["client"]
    return Request(scope["method"], scope["path"], headers, client[0] if client else "", request_id, body)


def _is_secure(headers: Mapping[bytes, bytes]) -> bool:
    return BEHIND_PROXY and headers.get(b"x-forwarded-proto") == b"https"


@lru_cache(maxsize=256)
def is_host_of_ours(host: bytes) -> bool:
    """Tell whether Django would let this Host header in (settings.ALLOWED_HOSTS)."""
    domain, _ = split_domain_port(host.decode("latin-1"))
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)
