"""The revocation endpoint: a client ends its own connection."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from authserver.authentication import CLIENT_CHALLENGE
from authserver.protocol.errors import Refused
from authserver.services.trace import error_uri
from authserver.toolkit import endpoints
from authserver.views.responses import cors, method_not_allowed, no_store, refused


@csrf_exempt
@cors("POST")
def revoke(request: HttpRequest) -> HttpResponse:
    """Obeys: RFC 7009 §2; a failed HTTP authentication is challenged (RFC 6749 §5.2)."""
    if request.method != "POST":
        return method_not_allowed("POST", error_uri=error_uri())
    challenge = CLIENT_CHALLENGE if "Authorization" in request.headers else ""
    try:
        endpoints.revoke(request)
    except Refused as no:
        return refused(no.refusal, authenticate=challenge, error_uri=error_uri())
    return no_store({})
