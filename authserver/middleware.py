"""What every request gets: an id, which events, logs and error pages carry."""

import ipaddress
from collections.abc import Callable

from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from authserver import policy
from authserver.services import events
from authserver.services.events import RequestFacts

Handler = Callable[[HttpRequest], HttpResponse]


def client_address(request: HttpRequest) -> str | None:
    """Return the caller's address, seen through as many proxies as the deployment trusts, or None."""
    try:
        return str(ipaddress.ip_address(get_adapter().get_client_ip(request)))
    except (PermissionDenied, ValueError):  # the proxy headers do not fit the configured count, or hold no address
        return None


def agent_of(request: HttpRequest) -> str:
    """Return what the caller's program calls itself: printable, and no longer than is kept."""
    given = request.headers.get("User-Agent", "")[: policy.AGENT_LENGTH_MAX]
    return given if given.isprintable() else ""


class RequestIdMiddleware:
    """Gives each request an id (the proxy's `X-Request-Id` where it has the form of one) and returns it."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = events.request_id(request.headers.get("X-Request-Id", ""))
        request.request_id = request_id  # type: ignore[attr-defined]
        with events.of_request(RequestFacts(client_address(request), request_id, agent_of(request))):
            response = self.get_response(request)
        response["X-Request-Id"] = request_id
        return response
