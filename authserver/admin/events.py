"""The audit trail, to be read, filtered and downloaded. However many events there are, no page counts them all."""

import csv
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.messages import ERROR
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.urls import URLPattern, path, reverse
from django.utils.timezone import localtime

from authserver import policy
from authserver.admin.base import ReadOnlyAdmin
from authserver.models import Event, LedgerLink
from authserver.services import ledger
from authserver.services.ledger import exporting
from authserver.services.ledger.exporting import Told

COUNTED = 10_000  # events that a list has pages for; what is further down is found by narrowing it
LATEST = 1_000  # events whose handles and clients are offered as filters
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would take for a formula


class CappedPaginator(Paginator):
    """Counts as far as there are pages for."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return rows.order_by()[:COUNTED].count()


class SteppingEvents(QuerySet[Event]):
    """Finds the years, months and days that have events by going from one to the next along the index of `at`, where
    Django would look at every event."""

    def datetimes(self, field_name: str, kind: str, *args: Any, **options: Any) -> list[datetime]:  # type: ignore[override]
        times = self.order_by("at").values_list("at", flat=True)
        found: list[datetime] = []
        at = times.first()
        while at is not None:
            found.append(_start(at, kind))
            at = times.filter(at__gte=_end(found[-1], kind)).first()
        return found

    def aggregate(self, *asked: Any, **named: Any) -> dict[str, Any]:
        """The first and the last time are looked up at the two ends; SQLite would look at every event for the pair."""
        if set(named) != {"first", "last"}:
            return super().aggregate(*asked, **named)
        times = self.order_by("at").values_list("at", flat=True)
        return {"first": times.first(), "last": times.last()}


def _start(at: datetime, kind: str) -> datetime:
    day = localtime(at).replace(hour=0, minute=0, second=0, microsecond=0)
    return {"year": day.replace(month=1, day=1), "month": day.replace(day=1), "day": day}[kind]


def _end(start: datetime, kind: str) -> datetime:
    """Return the first moment behind a year, month or day: its start, moved on by more than it is long, cut off."""
    longest = {"year": timedelta(days=366), "month": timedelta(days=31), "day": timedelta(days=1)}[kind]
    return _start(start + longest, kind)


class LatestValuesFilter(admin.SimpleListFilter):
    """Filters by a column, offering the values of the latest events; any other may stand in the address."""

    parameter_name: str

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        latest = Event.objects.order_by("-id").values_list(self.parameter_name, flat=True)[:LATEST]
        chosen = request.GET.get(self.parameter_name, "")
        return [(value, value) for value in sorted({*latest, chosen} - {""})]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        return queryset.filter(**{self.parameter_name: self.value()}) if self.value() else queryset


class HandleFilter(LatestValuesFilter):
    title = parameter_name = "handle"


class ClientFilter(LatestValuesFilter):
    title = "client"
    parameter_name = "client_id"


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("at", "what", "actor", "client_id", "handle", "person_id", "connection_id", "address", "request_id")
    list_filter = ("tag", "actor", HandleFilter, ClientFilter)
    search_fields = ("client_id", "handle", "person_id", "connection_id", "actor_id", "request_id")
    search_help_text = "A whole id: of an event, a client, a handle, a person, a connection or a request."
    date_hierarchy = "at"
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # each would count every event
    paginator = CappedPaginator
    readonly_fields = ("link",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        return SteppingEvents(model=Event)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Event], search_term: str
    ) -> tuple[QuerySet[Event], bool]:
        """Ids are found whole, as they stand in the indexes; a part of one is no id."""
        return (queryset.filter(_names(search_term.strip())) if search_term.strip() else queryset), False

    @admin.display(description="tag")
    def what(self, row: Event) -> str:
        return row.tag

    @admin.display(description="Link in the ledger")
    def link(self, row: Event) -> str:
        found = LedgerLink.objects.filter(event_id=row.pk).first()
        return f"{found.pk}, {bytes(found.hash).hex()}" if found else "none yet"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        now = ledger.status()
        context = {"ledger": _sentence(now), "fault": now.fault} | (extra_context or {})
        return super().changelist_view(request, context)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.download_view)
        return [path("download/<str:kind>/", view, name="authserver_event_download"), *super().get_urls()]

    def download_view(self, request: HttpRequest, kind: str) -> HttpResponseBase:
        """Send the events of the list as it is filtered, the oldest first; refuse where they are too many."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if kind not in KINDS:
            raise Http404
        back = reverse("admin:authserver_event_changelist")
        try:
            rows = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(f"{back}?e=1")
        most = policy.EVENT_DOWNLOAD_ROWS_MAX
        if rows.order_by()[most : most + 1].exists():
            said = f"More than {most:,} events match. Narrow the list, or use manage.py ledger export."
            self.message_user(request, said, ERROR)
            return HttpResponseRedirect(f"{back}?{request.GET.urlencode()}")
        lines, content_type = KINDS[kind]
        response = StreamingHttpResponse(lines(exporting.told(rows)), content_type=content_type)
        response["Content-Disposition"] = f'attachment; filename="events.{kind}"'
        return response


def _names(term: str) -> Q:
    """Return the condition that an event carries this id."""
    named = Q(client_id=term) | Q(handle=term) | Q(actor_id=term) | Q(request_id=term)
    if term.isdecimal() and len(term) < 19:
        named |= Q(id=int(term))
    try:
        return named | Q(person_id=UUID(term)) | Q(connection_id=UUID(term))
    except ValueError:
        return named


def _sentence(now: ledger.Status) -> str:
    linked = f"linked up to {now.linked_until:%Y-%m-%d %H:%M:%S} UTC" if now.linked_until else "none linked yet"
    verified = f"last verified {now.verified_at:%Y-%m-%d %H:%M} UTC" if now.verified_at else "never verified"
    return f"{now.events:,} events, {linked}, {verified}. Lists go as far as {COUNTED:,}."


class _Echo:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def _csv(told: Iterator[Told]) -> Iterator[str]:
    write = csv.writer(_Echo()).writerow
    yield write(exporting.CELLS)
    for each in told:
        yield write([f"'{cell}" if cell.startswith(FORMULA) else cell for cell in each.cells()])


def _json_lines(told: Iterator[Told]) -> Iterator[str]:
    return (each.line for each in told)


KINDS: dict[str, tuple[Callable[[Iterator[Told]], Iterator[str]], str]] = {
    "csv": (_csv, "text/csv; charset=utf-8"),
    "jsonl": (_json_lines, "application/jsonl; charset=utf-8"),
}
