"""The introspection endpoint: a resource server asks what a credential is worth. The hot path: kept thin."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from authserver.protocol import credentials
from authserver.protocol.errors import Refusal, Refused, invalid_client
from authserver.services import introspection
from authserver.toolkit.core import form_of
from authserver.views.events.door import unproven
from authserver.views.responses import method_not_allowed, no_store, refused


@csrf_exempt
def introspect(request: HttpRequest) -> HttpResponse:
    """Obeys: RFC 7662 §2.1 (POST, form, authenticated), §2.3 (401 without)."""
    if request.method != "POST":
        return method_not_allowed("POST")
    asker = credentials.of_basic(request.headers.get("Authorization", ""))
    if asker is None:
        return unproven(request, invalid_client("resource_server:no_credentials"))
    try:
        token = form_of(request).get("token")
    except Refused as no:
        return refused(no.refusal)
    if token is None:
        return refused(Refusal("invalid_request", "The parameter token is missing.", "introspect:no_token"))
    answer = introspection.describe(token, asker_id=asker[0], asker_secret=asker[1], now=timezone.now())
    if isinstance(answer, Refusal):
        return unproven(request, answer)
    return no_store(answer)
