"""The revocation endpoint: a client ends its own connection."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from authserver.toolkit import endpoints
from authserver.views.responses import cors, method_not_allowed
from authserver.views.token import answer


@csrf_exempt
@cors("POST")
def revoke(request: HttpRequest) -> HttpResponse:
    """Obeys: RFC 7009 §2."""
    if request.method != "POST":
        return method_not_allowed("POST")
    return answer(request, endpoints.revoke)
