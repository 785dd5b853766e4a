"""The endpoint where resource servers publish their tools."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from authserver import policy
from authserver.models import ResourceServer
from authserver.protocol.tools import publication
from authserver.services import catalog
from authserver.services.tools import publishing
from authserver.services.tools.publishing import Published
from authserver.views.events.door import for_resource_servers, granted, json_of
from authserver.views.responses import no_store


@for_resource_servers("GET", "PUT", limit="tools")
def tools(request: HttpRequest, server: ResourceServer) -> HttpResponse:
    """What this server has published, or publish it anew."""
    if request.method == "GET":
        there = publishing.published_by(server)
        listed = [_told(each) | {"tools": list(map(publication.described, each.tools))} for each in there]
        return no_store({"resources": listed})
    wanted = granted(publication.parse(json_of(request, limit_bytes=policy.TOOLS_BODY_BYTES_MAX, kind="tools")))
    published = granted(publishing.publish(wanted, server, now=timezone.now()))
    warnings = publication.warnings(wanted, catalog.current())
    return no_store({"resources": list(map(_told, published)), "warnings": warnings})


def _told(published: Published) -> dict[str, Any]:
    endpoint = published.endpoint
    at = endpoint.tools_published_at
    return {
        "resource": catalog.address_of(endpoint),
        "kind": endpoint.kind,
        "version": endpoint.tools_version,
        "tools": len(published.tools),
        "published_at": int(at.timestamp()) if at else None,
        "digest": published.digest,
    }
