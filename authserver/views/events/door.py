"""What the endpoints for security events ask first: which resource server, and what its body says."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from authserver import policy, throttles
from authserver.authentication import RESOURCE_SERVER_CHALLENGE, resource_server_of
from authserver.protocol import credentials
from authserver.protocol.errors import Refusal, Refused
from authserver.protocol.receipts import requests
from authserver.services.events import current_request
from authserver.throttles import TOO_MANY_REQUESTS
from authserver.views.responses import method_not_allowed, refused

View = Callable[..., HttpResponse]
T = TypeVar("T")
NO_STREAM = Refusal("not_found", "This resource server has no such stream. Make a new one.", "stream:unknown")


def for_resource_servers(*methods: str, limit: str) -> Callable[[View], View]:
    """Call the view with the resource server that asks, after the request, as often as the `limit` of this name allows
    (policy.RESOURCE_SERVER_REQUESTS_PER_MINUTE). What it raises as Refused is answered."""

    def decorate(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method not in methods:
                return method_not_allowed(*methods)
            server = resource_server_of(request)
            if isinstance(server, Refusal):
                return unproven(request, server)
            admitted = throttles.admit_resource_server(limit, str(server.pk))
            response = _tried(view, request, server, *args, **kwargs) if admitted.count else refused(TOO_MANY_REQUESTS)
            return throttles.telling(response, admitted.headers(limit))

        return answer

    return decorate


def _tried(view: View, *args: Any, **kwargs: Any) -> HttpResponse:
    try:
        return view(*args, **kwargs)
    except Refused as no:
        return refused(no.refusal)


def unproven(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """Answer a caller who is no resource server: 401, and 429 to who guesses too often. Whoever proves itself is never
    counted here."""
    named = (credentials.of_basic(request.headers.get("Authorization", "")) or ("",))[0]
    admitted = throttles.admit_guesses(throttles.guess_key(current_request.get().counted, named))
    if admitted.count:
        return refused(refusal, authenticate=RESOURCE_SERVER_CHALLENGE)
    return throttles.telling(refused(TOO_MANY_REQUESTS), admitted.headers("guesses"))


def body_of(request: HttpRequest) -> requests.Json:
    """Return the JSON object that was sent; raises Refused with invalid_request otherwise."""
    try:
        raw = request.body
    except (RequestDataTooBig, UnreadablePostError):
        raw = b" " * (policy.EVENT_BODY_BYTES_MAX + 1)
    if len(raw) > policy.EVENT_BODY_BYTES_MAX:
        raise Refused(Refusal("invalid_request", "The body is too large.", "security_events:too_large"))
    return granted(requests.body_of(raw))


def json_of(request: HttpRequest, *, limit_bytes: int, kind: str) -> Any:
    """Return what the JSON that was sent says, read as it comes; `kind` begins the private reason. Raises Refused with
    invalid_request where it is none, or too large."""
    try:
        raw = request.read(limit_bytes + 1)
        if len(raw) > limit_bytes:
            raise Refused(Refusal("invalid_request", "The body is too large.", f"{kind}:too_large"))
        return json.loads(raw)
    except (ValueError, RecursionError, UnreadablePostError) as error:
        raise Refused(Refusal("invalid_request", "The body is not JSON.", f"{kind}:unreadable")) from error


def granted(read: T | Refusal) -> T:
    """Return what was read; raises Refused where it was refused."""
    if isinstance(read, Refusal):
        raise Refused(read)
    return read
