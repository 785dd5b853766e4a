"""The endpoint where resource servers claim a fault that they are to answer."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from authserver.models import ResourceServer
from authserver.services.rehearsals import claiming
from authserver.views.events.door import for_resource_servers
from authserver.views.responses import no_store


@for_resource_servers("POST")
def met(request: HttpRequest, asker: ResourceServer, rehearsal_id: UUID) -> HttpResponse:
    """`{"fire": true}` to the first that claims it; `false` to everybody else, also where there is no such one: whether
    there is one at another's endpoint is nobody's business."""
    return no_store({"fire": claiming.claim(rehearsal_id, asker, now=timezone.now())})
