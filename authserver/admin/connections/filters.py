"""What a list of connections can be narrowed by; each with few choices, however many rows there are."""

from collections.abc import Iterator
from datetime import timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import F, Q, QuerySet, TextField, Value
from django.db.models.functions import Concat
from django.http import HttpRequest
from django.utils import timezone

from authserver import policy
from authserver.models import Connection, Scope
from handles import slugs

Choices = list[tuple[str, str]]


class StatusFilter(admin.SimpleListFilter):
    title = "status"
    parameter_name = "status"
    FOUND = {
        "live": Q(ended_at=None, paused_at=None),
        "paused": Q(ended_at=None, paused_at__isnull=False),
        "ended": Q(ended_at__isnull=False),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(value, value.title()) for value in self.FOUND]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connection]) -> QuerySet[Connection]:
        return queryset.filter(self.FOUND.get(self.value() or "", Q()))


class LastUsedFilter(admin.SimpleListFilter):
    title = "last used"
    parameter_name = "used"
    WITHIN = {"7": "in the last 7 days", "30": "in the last 30 days"}
    NEVER, LONG_AGO = "never", "unused"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        days = policy.UNUSED_BADGE_AFTER.days
        return [*self.WITHIN.items(), (self.LONG_AGO, f"not for {days} days"), (self.NEVER, "never")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connection]) -> QuerySet[Connection]:
        now = timezone.now()
        if self.value() == self.NEVER:
            return queryset.filter(last_used_at__isnull=True)
        if self.value() == self.LONG_AGO:
            return queryset.filter(last_used_at__lt=now - policy.UNUSED_BADGE_AFTER)
        if self.value() in self.WITHIN:
            return queryset.filter(last_used_at__gte=now - timedelta(days=int(self.value() or 0)))
        return queryset


class LevelFilter(admin.SimpleListFilter):
    """By what it may do now: scopes that a handle's admin withholds do not count."""

    title = "level"
    parameter_name = "level"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(value, str(label)) for value, label in Scope.Level.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connection]) -> QuerySet[Connection]:
        if self.value() not in Scope.Level.values:
            return queryset
        names = Scope.objects.filter(level=self.value()).values_list("name", flat=True)
        held = [Q(has__contains=f" {name} ") & ~Q(lacks__contains=f" {name} ") for name in names]
        return queryset.alias(has=_padded("scopes"), lacks=_padded("withheld_scopes")).filter(
            reduce(or_, held, Q(pk__in=[]))
        )


def _padded(field: str) -> Concat:
    return Concat(Value(" "), F(field), Value(" "), output_field=TextField())


class HandleFilter(admin.SimpleListFilter):
    """By a handle that is typed: there may be a hundred thousand."""

    title = "handle"
    parameter_name = "handle"
    template = "admin/typed_filter.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [("", "")]  # without any, Django leaves the filter out

    def choices(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:  # type: ignore[override]
        others = [(name, value) for name, values in changelist.filter_params.items() for value in values]
        yield {
            "typed": self.value() or "",
            "parameter": self.parameter_name,
            "others": [pair for pair in others if pair[0] != self.parameter_name],
        }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Connection]) -> QuerySet[Connection]:
        typed = (self.value() or "").strip()
        return queryset.filter(handle__slug=slugs.parse(typed) or "") if typed else queryset
