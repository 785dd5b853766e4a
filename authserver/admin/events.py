"""The audit trail, to be read, filtered and downloaded. However many events there are, no page counts them all."""

import csv
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.messages import ERROR
from django.core.exceptions import PermissionDenied
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
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from authserver import policy
from authserver.admin.base import ReadOnlyAdmin
from authserver.admin.lists import COUNTED, LargeAdmin, Stepping, newest
from authserver.models import Event, LedgerLink
from authserver.services import ledger
from authserver.services.ledger import exporting
from authserver.services.ledger.exporting import Told

SEARCHED = 100_000  # newest events among which a request is looked for: its id has no index
SEARCHED_MAX = 1_000  # events of one request that are found
LATEST = 200  # events whose handles and clients are offered as filters
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would take for a formula


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
    title = gettext_lazy("handle")
    parameter_name = "handle"


class ClientFilter(LatestValuesFilter):
    title = gettext_lazy("client")
    parameter_name = "client_id"


@admin.register(Event)
class EventAdmin(LargeAdmin, ReadOnlyAdmin):
    list_display = ("at", "what", "actor", "client_id", "handle", "person_id", "connection_id", "address", "request_id")
    list_filter = ("tag", "actor", HandleFilter, ClientFilter)
    search_fields = ("client_id", "handle", "person_id", "connection_id", "actor_id", "request_id")
    search_help_text = gettext_lazy(
        "A whole id: of an event, a client, a handle, a person or a connection; or of a request of late, or of the "
        "chosen dates."
    )
    date_hierarchy = "at"
    sortable_by = ()
    readonly_fields = ("link",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        return Stepping(model=Event)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Event], search_term: str
    ) -> tuple[QuerySet[Event], bool]:
        """Ids are found whole, as they stand in the indexes; a part of one is no id."""
        term = search_term.replace("\x00", "").strip()
        if not term:
            return queryset, False
        late = newest(queryset, request, by="at", most=SEARCHED).filter(request_id=term).order_by()
        found = Q(pk__in=list(late.values_list("pk", flat=True)[:SEARCHED_MAX]))
        for named in _names(term):
            if Event.objects.filter(named).order_by().exists():
                found |= named  # what names nothing is left out: a choice of many has no index to go along
        return queryset.filter(found), False

    @admin.display(description=gettext_lazy("tag"))
    def what(self, row: Event) -> str:
        return row.tag

    @admin.display(description=gettext_lazy("Link in the ledger"))
    def link(self, row: Event) -> str:
        found = LedgerLink.objects.filter(event_id=row.pk).first()
        return f"{found.pk}, {bytes(found.hash).hex()}" if found else _("none yet")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        now = ledger.status()
        context = {"ledger": _sentences(now), "fault": now.fault} | (extra_context or {})
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
            said = _("More than %(most)s events match. Narrow the list, or use manage.py ledger export.")
            self.message_user(request, said % {"most": _number(most)}, ERROR)
            return HttpResponseRedirect(f"{back}?{request.GET.urlencode()}")
        lines, content_type = KINDS[kind]
        response = StreamingHttpResponse(lines(exporting.told(rows)), content_type=content_type)
        response["Content-Disposition"] = f'attachment; filename="events.{kind}"'
        return response


def _names(term: str) -> list[Q]:
    """Return the ways in which an event carries this id, each along an index."""
    named = [Q(client_id=term), Q(handle=term), Q(actor=Event.Actor.ADMINISTRATOR, actor_id=term)]
    if term.isdecimal() and len(term) < 19:
        named.append(Q(id=int(term)))
    try:
        return [*named, Q(person_id=UUID(term)), Q(connection_id=UUID(term))]
    except ValueError:
        return named


def _sentences(now: ledger.Status) -> list[str]:
    """Return where the ledger stands, a sentence each."""
    linked = (
        _("Linked up to %(time)s UTC.") % {"time": f"{now.linked_until:%Y-%m-%d %H:%M:%S}"}
        if now.linked_until
        else _("None is linked yet.")
    )
    verified = (
        _("Last verified %(time)s UTC.") % {"time": f"{now.verified_at:%Y-%m-%d %H:%M}"}
        if now.verified_at
        else _("Never verified.")
    )
    counted = _("%(count)s events.") % {"count": _number(now.events)}
    return [counted, linked, verified, _("Lists go as far as %(count)s.") % {"count": _number(COUNTED)}]


def _number(value: int) -> str:
    return number_format(value, force_grouping=True)


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
