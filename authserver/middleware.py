"""What every request gets: an id, which events, logs and error pages carry."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from authserver.protocol import addresses
from authserver.services import events
from authserver.services.events import RequestFacts

Handler = Callable[[HttpRequest], HttpResponse]


def client_address(request: HttpRequest) -> str | None:
    """Return the caller's address, seen through as many proxies as the deployment trusts, or None."""
    forwarded = request.headers.get("X-Forwarded-For", "")
    return addresses.of_caller(
        request.META.get("REMOTE_ADDR", ""), forwarded, proxies=settings.ALLAUTH_TRUSTED_PROXY_COUNT
    )


class RequestIdMiddleware:
    """Gives each request an id (the proxy's `X-Request-Id` where it has the form of one) and returns it."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = events.request_id(request.headers.get("X-Request-Id", ""))
        request.request_id = request_id  # type: ignore[attr-defined]
        agent = events.agent(request.headers.get("User-Agent", ""))
        with events.of_request(RequestFacts(client_address(request), request_id, agent)):
            response = self.get_response(request)
        response["X-Request-Id"] = request_id
        return response
