"""Rehearsals: looked at, called off. Admins of a handle begin them on its pages."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from authserver.admin.acting import Act, ActingAdmin, Why
from authserver.admin.base import ReadOnlyAdmin
from authserver.admin.lists import LargeAdmin, is_id
from authserver.admin.searching import found_among
from authserver.models import Rehearsal
from authserver.services.rehearsals import acts


def _call_off(row: Rehearsal, why: Why) -> bool:
    return acts.call_off(row, by=why.by, now=why.now)


def _tell(row: Rehearsal) -> SafeString:
    text = _("{fault}: <bdi>{client}</bdi> on <bdi>@{handle}</bdi>")
    connection = row.connection
    return format_html(
        text, fault=row.get_fault_display(), client=connection.client.name, handle=connection.handle.slug
    )


CALL_OFF = Act(
    title=gettext_lazy("Call off rehearsals"),
    button=gettext_lazy("Call off"),
    word="CALL OFF",
    effect=ngettext_lazy(
        "%(count)s rehearsal will end: the connection is as before.",
        "%(count)s rehearsals will end: the connections are as before.",
        "count",
    ),
    done=ngettext_lazy(
        "%(done)s of %(count)s rehearsal called off.", "%(done)s of %(count)s rehearsals called off.", "count"
    ),
    nothing=gettext_lazy("All of these rehearsals have ended already."),
    run=_call_off,
    tell=_tell,
)


class StateFilter(admin.SimpleListFilter):
    title = gettext_lazy("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("Under way")), ("ended", _("Ended"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Rehearsal]) -> QuerySet[Rehearsal]:
        found = {"open": Q(ended_at=None), "ended": Q(ended_at__isnull=False)}
        return queryset.filter(found.get(self.value() or "", Q()))


@admin.register(Rehearsal)
class RehearsalAdmin(ActingAdmin, LargeAdmin, ReadOnlyAdmin):
    list_display = ("fault", "client", "handle", "set_by", "set_at", "met_at", "ended_at", "outcome")
    list_filter = (StateFilter, "fault")
    list_select_related = ("connection__client", "connection__handle", "connection__user", "set_by")
    search_help_text = gettext_lazy("How an e-mail address or a handle begins, or the whole id of a connection.")
    sortable_by = ()
    ordering = ("-set_at",)
    fields = ("id", "connection", *list_display)
    actions = ("call_off_selected",)
    page_acts = actions

    def acts_for(self, row: Rehearsal) -> tuple[str, ...]:
        return () if row.ended_at else self.page_acts

    def found_by(self, term: str) -> Q:
        return is_id("connection_id", term, of=Rehearsal) | found_among(
            term, people="connection__user", handles="connection__handle"
        )

    @admin.display(description=gettext_lazy("client"))
    def client(self, row: Rehearsal) -> str:
        return row.connection.client.name

    @admin.display(description=gettext_lazy("handle"))
    def handle(self, row: Rehearsal) -> str:
        return str(row.connection.handle)

    @admin.display(description=gettext_lazy("outcome"))
    def outcome(self, row: Rehearsal) -> str:
        return str(row.detail.get("result", {}).get("did", "")) or "-"

    def has_call_off_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("authserver.change_rehearsal")

    @admin.action(description=gettext_lazy("Call off selected"), permissions=["call_off"])
    def call_off_selected(self, request: HttpRequest, queryset: QuerySet[Rehearsal]) -> HttpResponse | None:
        rows = queryset.filter(ended_at=None).select_related("connection__client", "connection__handle")
        return self.act_on(request, CALL_OFF, rows.order_by("-set_at", "-pk"))
