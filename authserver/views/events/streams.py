"""Streams of security events: what is offered, and a resource server's own (OpenID Shared Signals Framework 1.0)."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from authserver.models import EventStream, ResourceServer
from authserver.protocol.receipts import requests
from authserver.services.moving import issuers
from authserver.services.receipts import streams
from authserver.services.receipts.outbox import SESSION_REVOKED, TOKEN_CLAIMS_CHANGE
from authserver.views.events.door import NO_STREAM, body_of, for_resource_servers, granted
from authserver.views.responses import cors, method_not_allowed, no_store, refused

EVENTS = [SESSION_REVOKED, TOKEN_CLAIMS_CHANGE, streams.VERIFICATION]


@csrf_exempt
@cors("GET")
def configuration(request: HttpRequest) -> HttpResponse:
    """Obeys: SSF 1.0 §7.1 (transmitter configuration metadata)."""
    if request.method not in ("GET", "HEAD"):
        return method_not_allowed("GET")
    issuer = issuers.current()
    response = JsonResponse(
        {
            "spec_version": "1_0",
            "issuer": issuer,
            "jwks_uri": f"{issuer}/oauth/jwks",
            "delivery_methods_supported": [requests.PUSH, requests.POLL],
            "configuration_endpoint": f"{issuer}/oauth/events/stream",
            "verification_endpoint": f"{issuer}/oauth/events/verify",
            "default_subjects": "ALL",
        }
    )
    response["Cache-Control"] = "public, max-age=300"
    return response


def describe(stream: EventStream) -> dict[str, Any]:
    """Return a stream as its resource server sees it. Obeys: SSF 1.0 §8.1.1."""
    where = stream.endpoint_url or f"{stream.issuer or settings.ISSUER}/oauth/events/poll/{stream.pk}"
    return {
        "stream_id": str(stream.pk),
        "iss": stream.issuer or settings.ISSUER,
        "aud": str(stream.resource_server_id),
        "delivery": {"method": stream.method, "endpoint_url": where},
        "events_delivered": EVENTS,
        "status": stream.status,
    }


@for_resource_servers("POST", "GET", "DELETE", limit="streams")
def stream(request: HttpRequest, server: ResourceServer) -> HttpResponse:
    """Make a stream, read one or all, end one. Obeys: SSF 1.0 §8.1.1.1, §8.1.1.2, §8.1.1.5."""
    if request.method == "POST":
        asked = granted(requests.stream(body_of(request)))
        return no_store(describe(granted(streams.create(server, asked, now=timezone.now()))), status=201)
    stream_id = request.GET.get("stream_id")
    if stream_id is None and request.method == "GET":
        return no_store([describe(each) for each in streams.of(server)])
    found = streams.find(server, stream_id or "")
    if found is None:
        return refused(NO_STREAM)
    if request.method == "GET":
        return no_store(describe(found))
    streams.delete(found)
    return HttpResponse(status=204, headers={"Cache-Control": "no-store"})


@for_resource_servers("POST", limit="streams")
def verify(request: HttpRequest, server: ResourceServer) -> HttpResponse:
    """Send a verification event along the stream. Obeys: SSF 1.0 §8.1.4.2."""
    asked = granted(requests.verification(body_of(request)))
    found = streams.find(server, asked.stream_id)
    if found is None:
        return refused(NO_STREAM)
    streams.verify(found, asked.state, now=timezone.now())
    return HttpResponse(status=204, headers={"Cache-Control": "no-store"})
