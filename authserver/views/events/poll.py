"""Where events are fetched from, and acknowledged (RFC 8936)."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from authserver.models import ResourceServer
from authserver.protocol.receipts import requests
from authserver.services.receipts import poll as polling
from authserver.services.receipts import streams
from authserver.views.events.door import NO_STREAM, body_of, for_resource_servers, granted
from authserver.views.responses import no_store, refused


@for_resource_servers("POST", limit="polls")
def poll(request: HttpRequest, server: ResourceServer, stream_id: str) -> HttpResponse:
    """Obeys: RFC 8936 §2. Answers at once, also where it might wait: who remembers answers polls twice a second."""
    asked = granted(requests.poll(body_of(request)))
    stream = streams.find(server, stream_id)
    if stream is None or stream.method != stream.Method.POLL:
        return refused(NO_STREAM)
    polled = polling.answer(stream, asked, now=timezone.now())
    if polled is None:
        return refused(NO_STREAM)
    return no_store({"sets": polled.sets, "moreAvailable": polled.more_available})
