"""The tools that are published for a handle, for its admins: which wait, and letting every connection have them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.messages import info, success
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from authserver.services import catalog
from authserver.services.tools import approvals, overview
from authserver.services.tools.overview import AtEndpoint
from authserver.views.handles.shared import administered, private
from authserver.views.tools.lines import ToolLine, line_of, version_in


@dataclass(frozen=True)
class EndpointCard:
    """`new` wait at one connection or more, `others` at none."""

    id: UUID
    name: str
    address: str
    version: int
    published_at: datetime | None
    new: tuple[ToolLine, ...]
    others: tuple[ToolLine, ...]
    waiting: int
    connections: int
    approved_by: str
    approved_at: datetime | None


@login_required
def tool_page(request: HttpRequest, slug: str) -> HttpResponse:
    handle = administered(request, slug)
    titles = catalog.titles()
    page = {"handle": handle, "endpoints": [_card(each, titles) for each in overview.of(handle)]}
    return private(render(request, "tools/handle.html", {"page": page}))


@login_required
def approve(request: HttpRequest, slug: str, resource_id: UUID) -> HttpResponse:
    """Let every connection to this handle have the tools that the page showed."""
    handle, back = administered(request, slug), HttpResponseRedirect(reverse("handle_tools", args=[slug]))
    found = next((each for each in overview.of(handle) if each.resource.pk == resource_id), None)
    if found is None:
        raise Http404
    if request.method != "POST":
        return back
    by, names = request.user, {"endpoint": found.resource.name, "handle": handle.slug}
    version = version_in(request.POST)
    if approvals.approve_for_everybody(handle, found.resource, version, by=by, now=timezone.now()):  # type: ignore[arg-type]
        success(request, _("Everybody of @%(handle)s has the new tools of %(endpoint)s.") % names)
    else:
        info(request, _("The tools of %(endpoint)s were approved already.") % names)
    return back


def _card(found: AtEndpoint, titles: dict[str, str]) -> EndpointCard:
    lines = [line_of(tool, titles, waits_at=found.waits_at.get(tool.name, 0)) for tool in found.manifest.tools]
    by = found.approval.approved_by if found.approval else None
    return EndpointCard(
        id=found.resource.pk,
        name=found.resource.name,
        address=found.address,
        version=found.manifest.version,
        published_at=found.resource.tools_published_at,
        new=tuple(line for line in lines if line.waits_at),
        others=tuple(line for line in lines if not line.waits_at),
        waiting=found.waiting,
        connections=found.connections,
        approved_by=by.email if by else "",
        approved_at=found.approval.approved_at if found.approval else None,
    )
