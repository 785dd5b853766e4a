"""The pages: one's own attempts, one attempt, the same by a link, and those at a handle."""

import hashlib
import re

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from accounts import administrators
from authserver import policy
from authserver.services.trace import reading, sharing
from authserver.services.trace.reading import Read
from authserver.views.attempts import shown
from authserver.views.handles.shared import administered, person, private

ID = re.compile(r"[A-Za-z0-9-]{8,36}")
KEPT = {"days": policy.TRACE_KEPT.days}


@login_required
def own(request: HttpRequest) -> HttpResponse:
    """Show somebody's latest attempts; with `id`, go to that one."""
    wanted = request.GET.get("id", "").strip()
    if ID.fullmatch(wanted):
        return HttpResponseRedirect(reverse("attempt", args=[wanted]))
    now = timezone.now()
    found = shown.cards(reading.of_person(person(request), now=now), now=now)
    page = {"cards": found, "kept": KEPT, "wanted": wanted[:80]}
    return private(render(request, "attempts/own.html", {"page": page}))


@login_required
def one(request: HttpRequest, attempt_id: str) -> HttpResponse:
    """Show one attempt, found by the id of any of its requests."""
    found = _find(request, attempt_id)
    return _unknown(request, attempt_id) if found is None else _page(request, attempt_id, found)


@login_required
def live(request: HttpRequest, attempt_id: str) -> HttpResponse:
    """Answer with the part of the page that changes, or 304 where it did not."""
    found = _find(request, attempt_id)
    if found is None:
        return private(HttpResponse(status=404))
    attempt = shown.whole(found, viewer=person(request), now=timezone.now())
    response = render(request, "attempts/_live.html", {"attempt": attempt})
    tag = f'"{hashlib.sha256(response.content).hexdigest()[:20]}"'
    if request.headers.get("If-None-Match") == tag:
        response = HttpResponseNotModified()
    response["ETag"] = tag
    response["Cache-Control"] = "private, no-cache"
    return response


@login_required
def share(request: HttpRequest, attempt_id: str) -> HttpResponse:
    """Make a link to an attempt, shown this once. Who had to sign in on the way finds the button again."""
    if request.method != "POST":
        return HttpResponseRedirect(reverse("attempt", args=[attempt_id]))
    found = _find(request, attempt_id)
    if found is None:
        return _unknown(request, attempt_id)
    path = reverse("attempt_shared", args=[sharing.link_token(found.attempt)])
    return _page(request, attempt_id, found, link=f"{settings.ISSUER}{path}")


def shared(request: HttpRequest, token: str) -> HttpResponse:
    """Show an attempt to whoever has the link. Nobody is asked to sign in, and nothing of a person is told."""
    now = timezone.now()
    found = sharing.opened(token, now=now)
    if found is None:
        response = render(request, "attempts/shared_gone.html", {"page": {"kept": KEPT}}, status=404)
    else:
        page = {"attempt": shown.redacted(found, now=now)}
        response = render(request, "attempts/shared.html", {"page": page})
    response["Referrer-Policy"] = "no-referrer"
    response["X-Robots-Tag"] = "noindex"
    return private(response)


@login_required
def of_handle(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the latest attempts at a handle to its admins; with `show=failed`, those alone."""
    handle, now, viewer = administered(request, slug), timezone.now(), person(request)
    found = shown.cards(reading.of_handle(handle, now=now), viewer=viewer, now=now)
    only_failed = request.GET.get("show") == "failed"
    failed = [each for each in found if each.state == "failed"]
    page = {
        "handle": handle,
        "cards": failed if only_failed else found,
        "count": len(found),
        "failed": len(failed),
        "only_failed": only_failed,
        "kept": KEPT,
    }
    return private(render(request, "attempts/handle.html", {"page": page}))


def _find(request: HttpRequest, attempt_id: str) -> Read | None:
    if not ID.fullmatch(attempt_id):
        return None
    viewer = person(request)
    as_staff = viewer.is_staff and administrators.way_in(request) is None
    return reading.of_request(attempt_id, viewer=viewer, now=timezone.now(), as_staff=as_staff)


def _page(request: HttpRequest, attempt_id: str, found: Read, *, link: str = "") -> HttpResponse:
    attempt = shown.whole(found, viewer=person(request), now=timezone.now())
    page = {"attempt": attempt, "id": attempt_id, "link": link, "link_days": policy.TRACE_LINK_LIFETIME.days}
    return private(render(request, "attempts/one.html", {"page": page}))


def _unknown(request: HttpRequest, attempt_id: str) -> HttpResponse:
    """Say what is kept. Somebody else's attempt looks the same as none."""
    page = {"id": attempt_id[:36] if ID.fullmatch(attempt_id) else "", "kept": KEPT}
    return private(render(request, "attempts/unknown.html", {"page": page}, status=404))
