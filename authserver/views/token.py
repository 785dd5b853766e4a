"""The token endpoint: code for credentials, refresh. The door answers the plain ones, many at a time; here is one."""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from authserver.authentication import CLIENT_CHALLENGE
from authserver.protocol.connections import token_requests
from authserver.protocol.connections.token_requests import CodeRequest
from authserver.protocol.errors import Refusal, Refused
from authserver.protocol.trace.steps import Kind
from authserver.services import assertions, connections, events
from authserver.services.connections import Arrived, Issued, Lost
from authserver.services.trace import clients as trace
from authserver.services.trace import error_uri, note
from authserver.toolkit.core import form_of
from authserver.views.responses import cors, method_not_allowed, no_store, refused


@csrf_exempt
@cors("POST")
def token(request: HttpRequest) -> HttpResponse:
    """Obeys: RFC 6749 §3.2, §5; a failed HTTP authentication is challenged (§5.2)."""
    if request.method != "POST":
        note(Kind.TOKEN, ok=False, code="request:method")
        return method_not_allowed("POST", error_uri=error_uri())
    now = timezone.now()
    try:
        outcome = _outcome(request, now)
    except Refused as no:
        outcome = no.refusal
        trace.unreadable_token_request(outcome, client_id="", is_refresh=False)
    if isinstance(outcome, Refusal):
        challenge = CLIENT_CHALLENGE if "Authorization" in request.headers else ""
        return refused(outcome, authenticate=challenge, error_uri=error_uri())
    if isinstance(outcome, Lost):
        return HttpResponse(status=502)
    return no_store(outcome.body(now))


def _outcome(request: HttpRequest, now: datetime) -> Issued | Refusal | Lost:
    form = form_of(request)
    asked = token_requests.read(form, request.headers.get("Authorization", ""))
    if isinstance(asked, Refusal):
        is_refresh = form.get("grant_type") == "refresh_token"
        trace.unreadable_token_request(asked, client_id=form.get("client_id"), is_refresh=is_refresh)
        return asked
    facts = events.current_request.get()
    # Outside the transaction, which must not wait for a stranger's host.
    assertions.renew_keys(asked.proof.assertion, now=now)
    outcome: Issued | Refusal | Lost
    if isinstance(asked, CodeRequest):
        outcome = connections.exchange(Arrived(asked, facts), now=now)
    else:
        outcome = connections.refresh(Arrived(asked, facts), now=now)
    trace.exchanged(asked, outcome)
    return outcome
