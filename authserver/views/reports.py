"""The endpoint where resource servers report tool calls."""

import json

from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.utils import timezone

from authserver import policy
from authserver.models import ResourceServer
from authserver.protocol.connections import reports as protocol
from authserver.protocol.errors import Refusal
from authserver.services.usage import reports
from authserver.views.events.door import for_resource_servers
from authserver.views.responses import no_store, refused


@for_resource_servers("POST")
def report(request: HttpRequest, asker: ResourceServer) -> HttpResponse:
    """202 once the report is kept. What it says of connections that are not the asker's is passed over without a
    word: whether one exists is nobody else's business."""
    body, now = _body_of(request), timezone.now()
    calls = body if isinstance(body, Refusal) else protocol.parse(body, now=now)
    if isinstance(calls, Refusal):
        return refused(calls)
    reports.take(calls, asker, now)
    return no_store({}, status=202)


def _body_of(request: HttpRequest) -> object:
    try:
        raw = request.read(policy.REPORT_BODY_BYTES_MAX + 1)
        if len(raw) > policy.REPORT_BODY_BYTES_MAX:
            return Refusal("invalid_request", "The body is too large.", "report:too_large")
        return json.loads(raw)
    except (ValueError, RecursionError, UnreadablePostError):
        return Refusal("invalid_request", "The body is not JSON.", "report:unreadable")
