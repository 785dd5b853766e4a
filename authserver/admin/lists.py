"""Lists over tables of any size: pages as far as they are counted, searches that an index answers, dates found by
stepping from one to the next. No page counts or reads a whole table."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db import connection as database
from django.db.models import Field, Q, QuerySet
from django.http import HttpRequest
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy

from handles import slugs

COUNTED = 10_000  # rows that a list has pages for; what is further down is found by narrowing it
LAST_CHARACTER = "\U0010ffff"


class CappedPaginator(Paginator):
    """Counts as far as there are pages for."""

    capped_at = COUNTED

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return rows.order_by()[:COUNTED].count()


class Stepping(QuerySet[Any]):
    """Finds the years, months and days that have rows by going from one to the next along the index of the time, where
    Django would look at every row."""

    def datetimes(self, field_name: str, kind: str, *args: Any, **options: Any) -> list[datetime]:  # type: ignore[override]
        times = self.order_by(field_name).values_list(field_name, flat=True)
        found: list[datetime] = []
        at = times.first()
        while at is not None:
            found.append(_start(at, kind))
            at = times.filter(**{f"{field_name}__gte": _end(found[-1], kind)}).first()
        return found

    def aggregate(self, *asked: Any, **named: Any) -> dict[str, Any]:
        """The first and the last time are looked up at the two ends; SQLite would look at every row for the pair."""
        if set(named) != {"first", "last"}:
            return super().aggregate(*asked, **named)
        name = named["first"].source_expressions[0].name
        times = self.values_list(name, flat=True)
        return {"first": times.order_by(name).first(), "last": times.order_by(f"-{name}").first()}


def _start(at: datetime, kind: str) -> datetime:
    day = localtime(at).replace(hour=0, minute=0, second=0, microsecond=0)
    return {"year": day.replace(month=1, day=1), "month": day.replace(day=1), "day": day}[kind]


def _end(start: datetime, kind: str) -> datetime:
    """Return the first moment behind a year, month or day: its start, moved on by more than it is long, cut off."""
    longest = {"year": timedelta(days=366), "month": timedelta(days=31), "day": timedelta(days=1)}[kind]
    return _start(start + longest, kind)


def newest(rows: QuerySet[Any], request: HttpRequest, *, by: str, most: int) -> QuerySet[Any]:
    """Return the newest of these rows, of the dates in the address: so many as are looked through for what has no
    index. `by` is the time that the list's dates are of; it has one."""
    names = [f"{by}__{part}" for part in ("year", "month", "day")]
    dates = {name: int(value) for name in names if (value := request.GET.get(name, "")).isdecimal() and len(value) < 5}
    edge = list(rows.filter(**dates).order_by(f"-{by}").values_list(by, flat=True)[most : most + 1])
    return rows.filter(**dates, **{f"{by}__gte": edge[0]}) if edge else rows


def begins_with(name: str, text: str) -> Q:
    """Return the condition that a field with an index begins with this text, in the form that the index answers.

    SQLite takes no index for LIKE with an escape; its order is that of the bytes, so a range says the same. PostgreSQL
    orders by the language of the database, and has an index for LIKE beside every unique column.
    """
    if database.vendor == "sqlite":
        return Q(**{f"{name}__gte": text, f"{name}__lt": text + LAST_CHARACTER})
    return Q(**{f"{name}__startswith": text})


def is_id(name: str, text: str, *, of: type[Any]) -> Q:
    """Return the condition that a field is this id; one that nothing fulfils where the text is none."""
    field: Field[Any, Any] = of._meta.get_field(name)
    if field.get_internal_type() != "UUIDField":
        return Q(**{name: int(text)}) if text.isdecimal() and text.isascii() and len(text) < 19 else Q(pk__in=[])
    try:
        return Q(**{name: UUID(text)})
    except ValueError:
        return Q(pk__in=[])


class HandleFilter(admin.SimpleListFilter):
    """By a handle that is typed: there may be a hundred thousand."""

    title = gettext_lazy("handle")
    parameter_name = "handle"
    template = "admin/typed_filter.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("", "")]  # without any, Django leaves the filter out

    def choices(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:  # type: ignore[override]
        others = [(name, value) for name, values in changelist.filter_params.items() for value in values]
        yield {
            "typed": self.value() or "",
            "parameter": self.parameter_name,
            "others": [pair for pair in others if pair[0] != self.parameter_name],
        }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        typed = (self.value() or "").strip()
        return queryset.filter(handle__slug=slugs.parse(typed) or "") if typed else queryset


class LargeAdmin(admin.ModelAdmin):
    """A list over a table that may hold a million rows.

    `begin_fields` are found by how they begin, in small letters (an index answers); `contain_fields` by any part of
    them, for tables of some ten thousand rows; the key by all of it.
    """

    show_full_result_count = False
    list_per_page = 50  # of wide rows
    show_facets = admin.ShowFacets.NEVER  # each would count every row
    paginator = CappedPaginator
    begin_fields: Sequence[str] = ()
    contain_fields: Sequence[str] = ()

    def __init_subclass__(cls) -> None:
        """Django asks for the fields to know that there is a search at all."""
        if cls.begin_fields or cls.contain_fields:
            cls.search_fields = (*cls.begin_fields, *cls.contain_fields)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.replace("\x00", "").strip()
        return (queryset.filter(self.found_by(term)) if term else queryset), False

    def found_by(self, term: str) -> Q:
        """Return the condition of a search for this text, which is not empty."""
        found = is_id(self.opts.pk.name, term, of=self.model)
        for name in self.begin_fields:
            found |= begins_with(name, term.lower().removeprefix("@"))
        for name in self.contain_fields:
            found |= Q(**{f"{name}__icontains": term})
        return found
