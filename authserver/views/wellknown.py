"""Discovery: what this server is and where its endpoints are."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from authserver.protocol.errors import Refusal
from authserver.services import discovery
from authserver.views.responses import cors, method_not_allowed, no_store


@csrf_exempt
@cors("GET")
def authorization_server(request: HttpRequest) -> HttpResponse:
    """RFC 8414 §3."""
    if request.method not in ("GET", "HEAD"):
        return method_not_allowed("GET")
    response = JsonResponse(discovery.metadata())
    response["Cache-Control"] = discovery.CACHE_CONTROL
    return response


@csrf_exempt
@cors("GET")
def not_here(request: HttpRequest, rest: str = "") -> HttpResponse:
    """Any other well-known document: a small 404, which discovery takes as "go on" (HTML or 5xx would stop it). There
    is no OpenID Connect here yet, so its document is among them (AS-14)."""
    refusal = Refusal("not_found", "There is no such document here.", "wellknown:unknown")
    return no_store(refusal.body(), status=404)
