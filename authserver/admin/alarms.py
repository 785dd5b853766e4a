"""Alarms: looked at, and closed by who looked into them."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext_lazy

from authserver.admin.acting import Act, ActingAdmin, Why
from authserver.admin.base import ReadOnlyAdmin
from authserver.admin.lists import LargeAdmin
from authserver.models import Alarm
from authserver.services import alarms


def _close(row: Alarm, why: Why) -> bool:
    return alarms.close(row, by=why.by, now=why.now)


CLOSE = Act(
    title=gettext_lazy("Close alarms"),
    button=gettext_lazy("Close"),
    word="CLOSE",
    effect=ngettext_lazy(
        "%(count)s alarm will be closed. It rings again when the same happens again.",
        "%(count)s alarms will be closed. Each rings again when the same happens again.",
        "count",
    ),
    done=ngettext_lazy("%(done)s of %(count)s alarm closed.", "%(done)s of %(count)s alarms closed.", "count"),
    nothing=gettext_lazy("All of these alarms are closed."),
    run=_close,
    tell=lambda row: SafeString(format_html("<bdi>{}</bdi>", alarms.sentence(row))),
)


class StatusFilter(admin.SimpleListFilter):
    title = gettext_lazy("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("Open")), ("closed", _("Closed"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Alarm]) -> QuerySet[Alarm]:
        wanted = {"open": True, "closed": False}.get(self.value() or "")
        return queryset if wanted is None else queryset.filter(closed_at__isnull=wanted)


@admin.register(Alarm)
class AlarmAdmin(ActingAdmin, LargeAdmin, ReadOnlyAdmin):
    list_display = ("said", "status", "count", "opened_at", "last_at")
    list_filter = (StatusFilter, "kind")
    begin_fields = ("subject",)
    search_help_text = gettext_lazy("How an address, a client id or a reason begins.")
    ordering = ("-last_at", "-pk")
    sortable_by = ("last_at",)
    fields = ("said", "about", "kind", "subject", *list_display[1:], "detail", "closed_at", "closed_by")
    actions = ("close_selected",)
    page_acts = actions

    def acts_for(self, row: Alarm) -> tuple[str, ...]:
        return () if row.closed_at else self.page_acts

    @admin.display(description=gettext_lazy("alarm"))
    def said(self, row: Alarm) -> str:
        return format_html("<bdi>{}</bdi>", alarms.sentence(row))

    @admin.display(description=gettext_lazy("status"))
    def status(self, row: Alarm) -> str:
        return _("Closed") if row.closed_at else _("Open")

    @admin.display(description=gettext_lazy("about"))
    def about(self, row: Alarm) -> str:
        return format_html('<a href="{}">{}</a>', alarms.about(row), _("See what it is about"))

    def has_close_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("authserver.change_alarm")

    @admin.action(description=gettext_lazy("Close"), permissions=["close"])
    def close_selected(self, request: HttpRequest, queryset: QuerySet[Alarm]) -> HttpResponse | None:
        return self.act_on(request, CLOSE, queryset.filter(closed_at=None).order_by("-last_at", "-pk"))
