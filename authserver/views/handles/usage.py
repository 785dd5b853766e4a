"""Who used what at a handle: in sentences, per app, person and tool, and as a file."""

import csv
from dataclasses import dataclass
from datetime import date

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import Promise as StrPromise
from django.utils.translation import gettext_lazy as _

from authserver.services.usage import breakdown, figures
from authserver.services.usage.breakdown import Line
from authserver.views.handles.shared import administered, private
from handles.models import Handle

SENTENCES = 8
LONGEST_LIST = 25
PAGE_ROWS = 50
PAGE_MAX = 200
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would calculate


@dataclass(frozen=True)
class Period:
    value: str
    days: int
    label: StrPromise
    words: StrPromise


PERIODS = (
    Period("week", figures.WEEK, _("This week"), _("this week")),
    Period("month", figures.MONTH, _("Last 30 days"), _("in the last 30 days")),
)


@dataclass(frozen=True)
class UsagePage:
    """What the page shows; `first` is the first day (UTC) that counts, `next` the number of a further page or 0."""

    handle: Handle
    period: Period
    first: date
    sentences: tuple[Line, ...]
    apps: tuple[Line, ...]
    people: tuple[Line, ...]
    tools: tuple[Line, ...]
    lines: tuple[Line, ...]
    number: int
    next: int
    periods: tuple[Period, ...] = PERIODS
    longest_list: int = LONGEST_LIST


@login_required
def usage_page(request: HttpRequest, slug: str) -> HttpResponse:
    handle, period = administered(request, slug), _period(request)
    first = figures.since(timezone.now(), period.days)
    number = _page_number(request)
    everything = ("app", "person", "tool")
    found = breakdown.lines(handle, first, by=everything, limit=PAGE_ROWS + 1, offset=(number - 1) * PAGE_ROWS)
    page = UsagePage(
        handle=handle,
        period=period,
        first=first,
        sentences=tuple(breakdown.lines(handle, first, by=("app", "tool"), limit=SENTENCES)),
        apps=tuple(breakdown.lines(handle, first, by=("app",), limit=LONGEST_LIST)),
        people=tuple(breakdown.lines(handle, first, by=("person",), limit=LONGEST_LIST)),
        tools=tuple(breakdown.lines(handle, first, by=("tool",), limit=LONGEST_LIST)),
        lines=tuple(found[:PAGE_ROWS]),
        number=number,
        next=number + 1 if len(found) > PAGE_ROWS and number < PAGE_MAX else 0,
    )
    return private(render(request, "handles/usage/page.html", {"page": page}))


@login_required
def export(request: HttpRequest, slug: str) -> HttpResponse:
    """The same as comma-separated values, one row per day, connection, tool and outcome."""
    handle, period = administered(request, slug), _period(request)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{handle.slug}-usage-{period.value}.csv"'
    writer = csv.writer(response)
    writer.writerow(breakdown.HEADINGS)
    for row in breakdown.rows(handle, figures.since(timezone.now(), period.days)):
        writer.writerow([_harmless(cell) for cell in row])
    return private(response)


def _period(request: HttpRequest) -> Period:
    return next((each for each in PERIODS if each.value == request.GET.get("period")), PERIODS[0])


def _page_number(request: HttpRequest) -> int:
    text = request.GET.get("page", "")
    return min(max(int(text), 1), PAGE_MAX) if text.isdecimal() and len(text) < 5 else 1


def _harmless(cell: object) -> object:
    """Names are others' words: one that a spreadsheet would take for a formula is marked as text."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
