"""The endpoint where resource servers report tool calls."""

import json

from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from authserver import policy
from authserver.protocol.connections import reports as protocol
from authserver.protocol.errors import Refusal, invalid_client
from authserver.services import resource_servers
from authserver.services.usage import reports
from authserver.toolkit.validator import basic_credentials
from authserver.views.introspect import CHALLENGE
from authserver.views.responses import method_not_allowed, no_store, refused


@csrf_exempt
def report(request: HttpRequest) -> HttpResponse:
    """202 once the report is kept. What it says of connections that are not the asker's is passed over without a
    word: whether one exists is nobody else's business."""
    if request.method != "POST":
        return method_not_allowed("POST")
    server_id, secret = basic_credentials(request.headers.get("Authorization", "")) or ("", "")
    asker = resource_servers.authenticate(server_id, secret) if server_id else _nobody()
    if isinstance(asker, Refusal):
        return refused(asker, authenticate=CHALLENGE)
    body, now = _body_of(request), timezone.now()
    calls = body if isinstance(body, Refusal) else protocol.parse(body, now=now)
    if isinstance(calls, Refusal):
        return refused(calls)
    reports.take(calls, asker, now)
    return no_store({}, status=202)


def _nobody() -> Refusal:
    return invalid_client("resource_server:no_credentials")


def _body_of(request: HttpRequest) -> object:
    try:
        raw = request.read(policy.REPORT_BODY_BYTES_MAX + 1)
        if len(raw) > policy.REPORT_BODY_BYTES_MAX:
            return Refusal("invalid_request", "The body is too large.", "report:too_large")
        return json.loads(raw)
    except (ValueError, RecursionError, UnreadablePostError):
        return Refusal("invalid_request", "The body is not JSON.", "report:unreadable")
