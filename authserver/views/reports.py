"""The endpoint where resource servers report tool calls, and the steps of connection attempts that they saw."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from authserver import policy
from authserver.models import ResourceServer
from authserver.protocol.connections import reports as protocol
from authserver.protocol.trace import reported as trace
from authserver.services.trace import reported
from authserver.services.usage import reports
from authserver.views.events.door import for_resource_servers, granted, json_of
from authserver.views.responses import no_store


@for_resource_servers("POST")
def report(request: HttpRequest, asker: ResourceServer) -> HttpResponse:
    """202 once the calls are kept, and the steps noted. What it says of connections and endpoints that are not the
    asker's is passed over without a word: whether one exists is nobody else's business."""
    now = timezone.now()
    body = json_of(request, limit_bytes=policy.REPORT_BODY_BYTES_MAX, kind="report")
    calls, steps = granted(protocol.parse(body, now=now)), granted(trace.parse(body, now=now))
    reports.take(calls, asker, now)
    reported.take(steps, asker)
    return no_store({}, status=202)
