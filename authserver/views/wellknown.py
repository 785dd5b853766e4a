"""Discovery: what this server is and where its endpoints are."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from authserver.protocol.errors import Refusal
from authserver.protocol.trace.steps import Kind
from authserver.services import discovery
from authserver.services.moving import issuers
from authserver.services.trace import error_uri, note
from authserver.views.responses import cors, method_not_allowed, no_store

# The documents that clients look for here; each may be asked for with a path after it (RFC 8414 §3.1).
FORMS = ("oauth-authorization-server", "openid-configuration", "oauth-protected-resource")


@csrf_exempt
@cors("GET")
def authorization_server(request: HttpRequest) -> HttpResponse:
    """RFC 8414 §3."""
    if request.method not in ("GET", "HEAD"):
        return method_not_allowed("GET", error_uri=error_uri())
    note(Kind.SERVER_METADATA, form=FORMS[0])
    response = JsonResponse(discovery.metadata(issuers.current()))
    response["Cache-Control"] = discovery.CACHE_CONTROL
    return response


@csrf_exempt
@cors("GET")
def webauthn(request: HttpRequest) -> HttpResponse:
    """Say whose pages may use the passkeys of this host: all names of this server. Obeys: WebAuthn 3 §5.11."""
    if request.method not in ("GET", "HEAD"):
        return method_not_allowed("GET", error_uri=error_uri())
    response = JsonResponse({"origins": list(issuers.everywhere())})
    response["Cache-Control"] = discovery.CACHE_CONTROL
    return response


@csrf_exempt
@cors("GET")
def not_here(request: HttpRequest, rest: str = "") -> HttpResponse:
    """Any other well-known document: a small 404, which discovery takes as "go on" (HTML or 5xx would stop it). There
    is no OpenID Connect here yet, so its document is among them (AS-14)."""
    refusal = Refusal("not_found", "There is no such document here.", "wellknown:unknown")
    form = rest.partition("/")[0]
    if form in FORMS:  # any other is no client's question; this one goes on elsewhere, so nothing is wrong yet
        note(Kind.SERVER_METADATA, code="metadata:not_here", form=form, has_path=int("/" in rest))
    return no_store(refusal.body() | {"error_uri": error_uri()}, status=404)
