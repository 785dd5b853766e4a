"""The tools that wait for a person's word at one of their connections: what each may do, and one click."""

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.messages import info, success
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from authserver.models import Connection
from authserver.services import receipts
from authserver.services.tools import approvals, waiting
from authserver.views.connections.pages import back_to_list, own, private
from authserver.views.tools.lines import lines_of, version_in


@login_required
def new_tools(request: HttpRequest, connection_id: UUID) -> HttpResponse:
    """Show what is new since the person allowed this connection; let it have that, or leave it waiting."""
    found = own(request, connection_id)
    if request.method == "POST" and request.POST.get("decision") == "allow":
        return _allow(request, found)
    names = {"app": found.client.name, "handle": found.handle.slug}
    if request.method == "POST":
        info(request, _("%(app)s on @%(handle)s goes on without the new tools. They wait here.") % names)
        return back_to_list()
    new = waiting.of(found) if found.is_live else waiting.Waiting(0)
    if not new.tools:
        info(request, _("No new tools of %(app)s on @%(handle)s wait for your word.") % names)
        return back_to_list()
    page = {"connection": found, "version": new.version, "lines": lines_of(new.tools)}
    return private(render(request, "tools/waiting.html", {"page": page}))


def _allow(request: HttpRequest, found: Connection) -> HttpResponse:
    names = {"app": found.client.name, "handle": found.handle.slug}
    version = version_in(request.POST)
    if approvals.approve(found, version, by=request.user, now=timezone.now()):  # type: ignore[arg-type]
        said = _("%(app)s has the new tools on @%(handle)s.") % names
        success(request, f"{said} {receipts.in_force(found)}")
    else:
        info(request, _("No new tools of %(app)s on @%(handle)s wait for your word.") % names)
    return back_to_list()
