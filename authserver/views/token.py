"""The token endpoint: code for credentials, refresh."""

import logging

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from authserver.protocol.errors import Refused
from authserver.toolkit import endpoints
from authserver.views.responses import cors, method_not_allowed, no_store, refused

log = logging.getLogger(__name__)
CHALLENGE = 'Basic realm="gatehouse"'


@csrf_exempt
@cors("POST")
def token(request: HttpRequest) -> HttpResponse:
    """Obeys: RFC 6749 §3.2, §5."""
    if request.method != "POST":
        return method_not_allowed("POST")
    return answer(request, endpoints.token)


def answer(request: HttpRequest, endpoint: endpoints.Endpoint) -> HttpResponse:
    """Answer with what the endpoint says; a failed HTTP authentication is challenged (RFC 6749 §5.2)."""
    challenge = CHALLENGE if "Authorization" in request.headers else ""
    try:
        told = endpoint(request)
    except Refused as no:
        log.info("refused %s: %s", no.refusal.code, no.refusal.reason)
        return refused(no.refusal, authenticate=challenge)
    response = no_store(told.body, status=told.status)
    if challenge and told.status == 401:
        response["WWW-Authenticate"] = challenge
    return response
