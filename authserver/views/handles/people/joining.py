"""Asking the owners of a handle for a seat: the page that a dead end leads to."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from authserver.protocol.errors import Refusal
from authserver.services.standing import joining
from authserver.views.handles.people import accepting
from authserver.views.handles.shared import person, said, show_on_the_way
from handles import access
from handles.models import Handle


@login_required
def join(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask once more, then send the request. Members, and suspended handles, have nothing to ask for here."""
    handle, user, now = access.find(slug), person(request), timezone.now()
    if handle is None or handle.status != Handle.Status.ACTIVE or access.membership_of(handle, user):
        raise Http404
    offered = next((row for row in accepting.waiting_for(request) if row.handle_id == handle.pk), None)
    if offered:
        return HttpResponseRedirect(accepting.with_next(request, reverse("invitation", args=[offered.pk])))
    refusal: Refusal | None = None
    if request.method == "POST":
        done = joining.ask(handle, by=user, now=now)
        refusal = done if isinstance(done, Refusal) and done != joining.ASKED else None
    page = {
        "handle": handle,
        "person": user,
        "has_asked": joining.has_asked(handle, user, now=now),
        "errors": (said(refusal),) if refusal else (),
    }
    return show_on_the_way(request, "handles/people/join.html", page, status=400 if refusal else 200)
