"""The public keys that security events and ledger seals are signed with."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from authserver.services.receipts import keys
from authserver.views.responses import cors, method_not_allowed


@csrf_exempt
@cors("GET")
def jwks(request: HttpRequest) -> HttpResponse:
    """Obeys: RFC 7517 §5. A key stands here an hour before it signs, so that a copy of five minutes always has it."""
    if request.method not in ("GET", "HEAD"):
        return method_not_allowed("GET")
    response = JsonResponse(keys.public_set())
    response["Cache-Control"] = "public, max-age=300"
    return response
