"""What a list of connections can be narrowed by; each with few choices, however many rows there are.

When a connection was last used, what it may do and where its client is from have no index here: an index would cost
every request of the flow. So these look among the newest connections, of the chosen dates where dates are chosen.
"""

from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from authserver import policy
from authserver.admin.lists import newest
from authserver.models import Client, Connection, Scope

Choices = list[tuple[str, str]]
NEWEST = 20_000
HELD_MAX = 500  # different sets of scopes among them


def _newest(rows: QuerySet[Connection], request: HttpRequest) -> QuerySet[Connection]:
    return newest(rows, request, by="created_at", most=NEWEST)


class StatusFilter(admin.SimpleListFilter):
    title = gettext_lazy("status")
    parameter_name = "status"
    FOUND = {
        "live": Q(ended_at=None, paused_at=None),
        "paused": Q(ended_at=None, paused_at__isnull=False),
        "ended": Q(ended_at__isnull=False),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [("live", _("Live")), ("paused", _("Paused")), ("ended", _("Ended"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connection]) -> QuerySet[Connection]:
        return queryset.filter(self.FOUND.get(self.value() or "", Q()))


class PausedByFilter(admin.SimpleListFilter):
    title = gettext_lazy("paused by")
    parameter_name = "paused_by"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(value, str(label)) for value, label in Connection.PausedBy.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connection]) -> QuerySet[Connection]:
        return queryset.filter(paused_by=self.value(), paused_at__isnull=False) if self.value() else queryset


class EndReasonFilter(admin.SimpleListFilter):
    title = gettext_lazy("why it ended")
    parameter_name = "end_reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(value, str(label)) for value, label in Connection.EndReason.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connection]) -> QuerySet[Connection]:
        return queryset.filter(end_reason=self.value(), ended_at__isnull=False) if self.value() else queryset


class SourceFilter(admin.SimpleListFilter):
    title = gettext_lazy("where the client is from (newest connections)")
    parameter_name = "client__registration_source"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(value, str(label)) for value, label in Client.RegistrationSource.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connection]) -> QuerySet[Connection]:
        if not self.value():
            return queryset
        return _newest(queryset, request).filter(client__registration_source=self.value())


class LastUsedFilter(admin.SimpleListFilter):
    title = gettext_lazy("last used (newest connections)")
    parameter_name = "used"
    WITHIN = {"7": timedelta(days=7), "30": timedelta(days=30)}
    NEVER, LONG_AGO = "never", "unused"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [
            ("7", _("in the last 7 days")),
            ("30", _("in the last 30 days")),
            (self.LONG_AGO, _("not for %(days)s days") % {"days": policy.UNUSED_BADGE_AFTER.days}),
            (self.NEVER, _("never")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connection]) -> QuerySet[Connection]:
        now, value = timezone.now(), self.value() or ""
        if value == self.NEVER:
            return _newest(queryset, request).filter(last_used_at__isnull=True)
        if value == self.LONG_AGO:
            return _newest(queryset, request).filter(last_used_at__lt=now - policy.UNUSED_BADGE_AFTER)
        if value in self.WITHIN:
            return _newest(queryset, request).filter(last_used_at__gte=now - self.WITHIN[value])
        return queryset


class LevelFilter(admin.SimpleListFilter):
    """By what it may do now: scopes that a handle's admin withholds do not count."""

    title = gettext_lazy("level (newest connections)")
    parameter_name = "level"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(value, str(label)) for value, label in Scope.Level.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connection]) -> QuerySet[Connection]:
        if self.value() not in Scope.Level.values:
            return queryset
        names = set(Scope.objects.filter(level=self.value()).values_list("name", flat=True))
        rows = _newest(queryset, request)
        kinds = rows.order_by().values_list("scopes", "withheld_scopes").distinct()[:HELD_MAX]
        held = [
            Q(scopes=scopes, withheld_scopes=withheld)
            for scopes, withheld in kinds
            if names & (set(scopes.split()) - set(withheld.split()))
        ]
        return rows.filter(reduce(or_, held, Q(pk__in=[])))
