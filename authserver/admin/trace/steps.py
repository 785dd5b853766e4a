"""Steps of connection attempts, to be read and filtered; each leads to its whole attempt."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy

from authserver.admin.base import ReadOnlyAdmin
from authserver.admin.lists import LargeAdmin, Stepping
from authserver.models import TraceStep

LATEST = 500  # steps whose reasons are offered as filters


class ReasonFilter(admin.SimpleListFilter):
    """Filters by the reason of a refusal, offering those of late; any other may stand in the address."""

    title = gettext_lazy("reason")
    parameter_name = "code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        latest = TraceStep.objects.filter(ok=False).order_by("-id").values_list("code", flat=True)[:LATEST]
        chosen = request.GET.get(self.parameter_name, "")
        return [(value, value) for value in sorted({*latest, chosen} - {""})]

    def queryset(self, request: HttpRequest, queryset: QuerySet[TraceStep]) -> QuerySet[TraceStep]:
        return queryset.filter(ok=False, code=self.value()) if self.value() else queryset


@admin.register(TraceStep)
class TraceStepAdmin(LargeAdmin, ReadOnlyAdmin):
    list_display = ("at", "kind", "ok", "code", "client_id", "handle", "resource", "count", "attempt")
    list_filter = ("kind", "ok", ReasonFilter)
    search_fields = ("request_id", "client_id", "handle")
    search_help_text = gettext_lazy("A whole id: of a request, a client, a handle, a person or a connection.")
    date_hierarchy = "at"
    sortable_by = ()
    readonly_fields = ("attempt",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[TraceStep]:
        return Stepping(model=TraceStep)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[TraceStep], search_term: str
    ) -> tuple[QuerySet[TraceStep], bool]:
        """Ids are found whole, as they stand in the indexes."""
        term = search_term.replace("\x00", "").strip()
        if not term:
            return queryset, False
        named = Q(request_id=term) | Q(client_id=term) | Q(handle=term.removeprefix("@"))
        try:
            named |= Q(person_id=UUID(term)) | Q(connection_id=UUID(term))
        except ValueError:
            return queryset.filter(named), False
        return queryset.filter(named), False

    @admin.display(description=gettext_lazy("Attempt"))
    def attempt(self, row: TraceStep) -> str:
        if not row.request_id:
            return ""
        return format_html('<a href="{}">{}</a>', reverse("attempt", args=[row.request_id]), row.request_id)
