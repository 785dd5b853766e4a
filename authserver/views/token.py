"""The token endpoint: code for credentials, refresh. The door answers the plain ones, many at a time; here is one."""

import logging
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from authserver.authentication import CLIENT_CHALLENGE
from authserver.protocol.connections import token_requests
from authserver.protocol.connections.token_requests import CodeRequest
from authserver.protocol.errors import Refusal, Refused
from authserver.services import assertions, connections, events
from authserver.services.connections import Arrived, Issued, Lost
from authserver.toolkit.core import form_of
from authserver.views.responses import cors, method_not_allowed, no_store, refused

log = logging.getLogger(__name__)


@csrf_exempt
@cors("POST")
def token(request: HttpRequest) -> HttpResponse:
    """Obeys: RFC 6749 §3.2, §5; a failed HTTP authentication is challenged (§5.2)."""
    if request.method != "POST":
        return method_not_allowed("POST")
    now = timezone.now()
    try:
        outcome = _outcome(request, now)
    except Refused as no:
        outcome = no.refusal
    if isinstance(outcome, Refusal):
        log.info("refused %s: %s", outcome.code, outcome.reason)
        return refused(outcome, authenticate=CLIENT_CHALLENGE if "Authorization" in request.headers else "")
    if isinstance(outcome, Lost):
        return HttpResponse(status=502)
    return no_store(outcome.body(now))


def _outcome(request: HttpRequest, now: datetime) -> Issued | Refusal | Lost:
    asked = token_requests.read(form_of(request), request.headers.get("Authorization", ""))
    if isinstance(asked, Refusal):
        return asked
    facts = events.current_request.get()
    # Outside the transaction, which must not wait for a stranger's host.
    assertions.renew_keys(asked.proof.assertion, now=now)
    if isinstance(asked, CodeRequest):
        return connections.exchange(Arrived(asked, facts), now=now)
    return connections.refresh(Arrived(asked, facts), now=now)
