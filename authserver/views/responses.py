"""How the machine endpoints answer: JSON, never cached, readable from any origin without credentials."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from authserver.protocol.errors import Refusal
from authserver.telemetry import refusals

View = Callable[..., HttpResponse]
EXPOSED = "WWW-Authenticate, Retry-After, RateLimit, RateLimit-Policy"
CORS_HEADERS = "Authorization, Content-Type, MCP-Protocol-Version"


def no_store(body: object, *, status: int = 200) -> JsonResponse:
    """Return a JSON answer that nobody may keep (RFC 6749 §5.1)."""
    response = JsonResponse(body, status=status, safe=False)
    response["Cache-Control"] = "no-store"
    response["Pragma"] = "no-cache"
    return response


def refused(refusal: Refusal, *, authenticate: str = "", error_uri: str = "") -> JsonResponse:
    """Return the public half of a refusal; `authenticate` becomes the challenge of a 401, `error_uri` says where to
    read more."""
    refusals.told(refusal)
    response = no_store(_body(refusal, error_uri), status=refusal.status)
    if authenticate and refusal.status == 401:
        response["WWW-Authenticate"] = authenticate
    return response


def _body(refusal: Refusal, error_uri: str) -> dict[str, str]:
    return refusal.body() | ({"error_uri": error_uri} if error_uri else {})


def method_not_allowed(*methods: str, error_uri: str = "") -> JsonResponse:
    refusal = Refusal("invalid_request", f"Use {' or '.join(methods)}.", "request:method")
    response = no_store(_body(refusal, error_uri), status=405)
    response["Allow"] = ", ".join(methods)
    return response


def cors(*methods: str) -> Callable[[View], View]:
    """Let scripts of any origin call this endpoint, without cookies. It is never put on the authorization endpoint
    (RFC 9700 §2.6): there a person's session answers."""

    def decorate(view: View) -> View:
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            preflight = request.method == "OPTIONS"
            response = HttpResponse(status=204) if preflight else view(request, *args, **kwargs)
            response["Access-Control-Allow-Origin"] = "*"
            response["Access-Control-Expose-Headers"] = EXPOSED
            if preflight:
                response["Access-Control-Allow-Methods"] = ", ".join((*methods, "OPTIONS"))
                response["Access-Control-Allow-Headers"] = CORS_HEADERS
                response["Access-Control-Max-Age"] = "3600"
            return response

        return answer

    return decorate
