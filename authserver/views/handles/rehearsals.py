"""Faults on purpose: an admin of a handle for testing lets a connection meet one, and reads what its app did."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.messages import error, success
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from authserver import policy
from authserver.models import Connection, Rehearsal, Scope
from authserver.protocol.errors import Refusal
from authserver.protocol.trace.reactions import Did, Reaction
from authserver.services.rehearsals import acts, ending, overview
from authserver.services.rehearsals.overview import Shown
from authserver.views.handles.connections import card_of, find
from authserver.views.handles.shared import administered, person, private, said
from handles.models import Handle

Fault = Rehearsal.Fault
# What happens, and how it ends, in the order in which a person reads them.
WHAT_HAPPENS = {
    Fault.EXPIRY: (
        gettext_lazy("What the app holds for calls runs out at once, before its time."),
        gettext_lazy("It ends when the app refreshes, or signs in anew."),
    ),
    Fault.REFRESH_RACE: (
        gettext_lazy(
            "At the next refresh another process of the same app seems to have refreshed a moment earlier: the app "
            "gets what that one got."
        ),
        gettext_lazy("It ends with that refresh."),
    ),
    Fault.LOST_ANSWER: (
        gettext_lazy("The next refresh of the app is done, but the line is cut before the answer arrives."),
        gettext_lazy("It ends when the app asks again: then it gets the same answer."),
    ),
    Fault.REVOCATION: (
        gettext_lazy("Calls and refreshes of the app are refused from now on, as after a disconnection."),
        gettext_lazy("It ends when the app signs in anew. The connection stays, so that this takes one click."),
    ),
    Fault.MISSING_SCOPE: (
        gettext_lazy("The app lacks one permission: calls that need it are refused."),
        gettext_lazy("It ends when one call was refused for want of it: then the permission is given back."),
    ),
    Fault.HANDLE_MISMATCH: (
        gettext_lazy("One call is refused as if its MCP session had been opened for another handle."),
        gettext_lazy("It ends with that call."),
    ),
    Fault.CLOCK_SKEW: (
        gettext_lazy(
            "What the app holds for calls runs out at once. The first call with what it gets then is refused as if "
            "that had run out too, as on a server whose clock is wrong."
        ),
        gettext_lazy("It ends with that call."),
    ),
    Fault.UNAVAILABLE: (
        gettext_lazy("One call is answered with status 503, and the time after which to try again."),
        gettext_lazy("It ends with that call."),
    ),
}
ENDINGS = {
    ending.MET: gettext_lazy("Everything is as before."),
    ending.CALLED_OFF: gettext_lazy("Called off. Everything is as before."),
    ending.TIME_OVER: gettext_lazy("The app did not come in time. Everything is as before."),
    ending.NOT_POSSIBLE: gettext_lazy("The connection ended, or the handle is no longer for testing."),
}


@dataclass(frozen=True)
class FaultLine:
    """A fault that can be chosen."""

    value: str
    label: str
    happens: Any
    ends: Any


@dataclass(frozen=True)
class Line:
    """A rehearsal as it is told. `state` is waiting, met or over."""

    row: Rehearsal
    label: str
    state: str
    ended: str
    told: str
    scope: str


@login_required
def rehearsal(request: HttpRequest, slug: str, connection_id: UUID) -> HttpResponse:
    """Show what was rehearsed and what may be; a POST asks once more, then begins."""
    handle = administered(request, slug)
    row = find(handle, connection_id)
    if not handle.is_for_testing:
        raise Http404
    if request.method != "POST":
        return _show(request, handle, row)
    fault = next((each for each in Fault if each.value == request.POST.get("fault")), None)
    scope = request.POST.get("scope", "")
    if fault is None or (fault == Fault.MISSING_SCOPE and scope not in acts.may_miss(row)):
        wrong = _("Choose a fault.") if fault is None else said(acts.NO_SCOPE)
        return _show(request, handle, row, wrong=wrong)
    if request.POST.get("confirm") != "yes":
        page = _page(handle, row) | {"fault": _line(fault), "scope": _scopes([scope] if scope else [])}
        return private(render(request, "handles/rehearsals/begin.html", {"page": page}))
    begun = acts.begin(row, fault, by=person(request), now=timezone.now(), scope=scope)
    if isinstance(begun, Refusal):
        error(request, said(begun))
    else:
        success(request, _("It waits for the app now. Use the app, then look here again."))
    return HttpResponseRedirect(reverse("handle_rehearsal", args=[handle.slug, row.pk]))


def _page(handle: Handle, row: Connection) -> dict[str, Any]:
    return {
        "handle": handle,
        "card": card_of(row, handle, now=timezone.now()),
        "minutes": int(policy.REHEARSAL_LIFETIME.total_seconds() // 60),
    }


def _show(request: HttpRequest, handle: Handle, row: Connection, wrong: str = "") -> HttpResponse:
    now = timezone.now()
    lines = [_told(shown, now) for shown in overview.of(row, now=now)]
    page = _page(handle, row) | {
        "faults": [_line(fault) for fault in Fault],
        "chosen": request.POST.get("fault", ""),
        "scopes": _scopes(acts.may_miss(row)),
        "open": next((line for line in lines if line.row.ended_at is None), None),
        "lines": [line for line in lines if line.row.ended_at is not None],
        "errors": (wrong,) if wrong else (),
    }
    return private(render(request, "handles/rehearsals/page.html", {"page": page}, status=400 if wrong else 200))


def _scopes(names: list[str]) -> list[Scope]:
    return list(Scope.objects.filter(name__in=names))


def _line(fault: Fault) -> FaultLine:
    return FaultLine(fault.value, str(fault.label), *WHAT_HAPPENS[fault])


@login_required
def call_off(request: HttpRequest, slug: str, connection_id: UUID) -> HttpResponse:
    """End what waits. It takes nothing from anybody, so it is not asked twice."""
    handle = administered(request, slug)
    row = find(handle, connection_id)
    waiting = Rehearsal.objects.filter(connection=row, ended_at=None).first()
    if request.method == "POST" and waiting and acts.call_off(waiting, by=person(request), now=timezone.now()):
        success(request, str(ENDINGS[ending.CALLED_OFF]))
    return HttpResponseRedirect(reverse("handle_rehearsal", args=[handle.slug, row.pk]))


# --- What the app did, in sentences


def _told(shown: Shown, now: datetime) -> Line:
    row = shown.row
    return Line(
        row,
        label=str(Fault(row.fault).label),
        state="over" if row.ended_at else "met" if row.met_at else "waiting",
        ended=str(ENDINGS.get(row.detail.get("ended", ""), "")),
        told=sentence(shown.reaction, is_settled=shown.is_settled) if shown.reaction else "",
        scope=row.detail.get("scope", ""),
    )


def sentence(found: Reaction, *, is_settled: bool) -> str:
    """Return in words what a client did about its fault."""
    if not is_settled:
        return _("It has done nothing about it so far.")
    if found.did == Did.GAVE_UP:
        minutes = int(policy.REHEARSAL_WATCH.total_seconds() // 60)
        said = ngettext(
            "It gave up: nothing came within %(n)s minute.", "It gave up: nothing came within %(n)s minutes.", minutes
        )
        return f"{said % {'n': minutes}} {_refused(found)}".strip()
    return " ".join(part for part in (_did(found), _refused(found), _works(found)) if part)


def _did(found: Reaction) -> str:
    told = {
        Did.REFRESHED: _("It refreshed after %(time)s."),
        Did.AUTHORIZED: _("It authorized again after %(time)s."),
        Did.WENT_ON: _("It went on after %(time)s with what it had."),
    }[found.did]
    return told % {"time": _seconds(found.after_ms or 0)}


def _refused(found: Reaction) -> str:
    if not found.refusals:
        return ""
    told = ngettext(
        "Before that it was refused %(n)s more time.", "Before that it was refused %(n)s more times.", found.refusals
    )
    return told % {"n": found.refusals}


def _works(found: Reaction) -> str:
    if found.works_after_ms is None or found.did == Did.WENT_ON:
        return ""
    return _("Its calls worked again after %(time)s.") % {"time": _seconds(found.works_after_ms)}


def _seconds(milliseconds: int) -> str:
    return _("%(seconds)s s") % {"seconds": f"{milliseconds / 1000:.{1 if milliseconds >= 1000 else 2}f}"}
