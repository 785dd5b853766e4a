"""Every list of the admin, in each way that its own page offers: measured in this process, with the database's CPU."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.db import connection as database
from django.db import connections
from django.test import Client as Http
from django.test.utils import setup_test_environment
from django.urls import reverse

from accounts.models import User

WORDS = ("person-4711@example.com", "person-47", "seeded-42", "@extra-30000", "Client 77", "Client", "no such thing")
CHOICES = 12  # of one filter
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Measured:
    """One page: its address, milliseconds of CPU of Python and of the database, statements, the slowest of them."""

    address: str
    python_ms: float
    database_ms: float
    statements: int
    slowest_ms: float
    slowest: str

    @property
    def cpu_ms(self) -> float:
        return self.python_ms + self.database_ms


class Watch:
    """Wraps the statements of a page: how many, and which took longest."""

    def __init__(self) -> None:
        self.count, self.slowest_ms, self.slowest = 0, 0.0, ""

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        begun = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            took = (time.perf_counter() - begun) * 1000
            self.count += 1
            if took > self.slowest_ms:
                self.slowest_ms, self.slowest = took, f"{sql} % {params}"


def prepare() -> Http:
    """Return a browser of an administrator, on one connection whose work is done by one process."""
    setup_test_environment(debug=False)  # answers carry their context
    connections["default"].settings_dict["OPTIONS"].pop("pool", None)
    found = User.objects.filter(is_superuser=True).first() or User.objects.create_superuser("root@example.com", "x")
    if database.vendor == "postgresql":
        with database.cursor() as cursor:
            cursor.execute("SET max_parallel_workers_per_gather = 0")
    http = Http()
    http.force_login(found)
    return http


def measure(http: Http, address: str) -> tuple[Measured, Any]:
    """Open a page and return what it cost, and the answer. Raises RuntimeError where it is no page."""
    watch, process = Watch(), _backend()
    begun, begun_there = time.process_time(), _cpu_of(process)
    with database.execute_wrapper(watch):
        answer = http.get(address)
    python_ms, database_ms = (time.process_time() - begun) * 1000, _cpu_of(process) - begun_there
    if answer.status_code != 200:
        raise RuntimeError(f"{address} answered {answer.status_code}")
    return Measured(address, python_ms, database_ms, watch.count, watch.slowest_ms, watch.slowest), answer


def _backend() -> int | None:
    """The process of the database that works for us; SQLite works in our own."""
    if database.vendor != "postgresql":
        return None
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def _cpu_of(process: int | None) -> float:
    if process is None:
        return 0.0
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS * 1000


def run(http: Http) -> Iterator[Measured]:
    """Measure the index, then every list in each of its ways, and how each is completed in other forms."""
    yield measure(http, reverse("admin:index"))[0]
    for model, model_admin in admin.site._registry.items():
        name = f"{model._meta.app_label}_{model._meta.model_name}"
        if model_admin.has_view_permission(_Root()):  # type: ignore[arg-type]
            yield from _of_list(http, reverse(f"admin:{name}_changelist"), model_admin)


class _Root:
    """As much of a request as permissions ask for."""

    user = User(is_active=True, is_superuser=True, is_staff=True)


def _of_list(http: Http, path: str, model_admin: ModelAdmin[Any]) -> Iterator[Measured]:
    plain, answer = measure(http, path)
    yield plain
    for query in dict.fromkeys(_ways(answer.context["cl"], model_admin)):
        yield measure(http, f"{path}?{query}")[0]
    row = next(iter(answer.context["cl"].result_list), None)
    if row is not None:
        yield measure(http, f"{path}{row.pk}/change/")[0]


def _ways(cl: Any, model_admin: ModelAdmin[Any]) -> Iterator[str]:
    if cl.paginator.num_pages > 1:
        yield from ("p=2", f"p={cl.paginator.num_pages}")
    for spec in cl.filter_specs:
        queries = [choice["query_string"] for choice in spec.choices(cl) if "query_string" in choice]
        yield from [query.removeprefix("?") for query in queries if len(query) > 1][:CHOICES]
    if model_admin.search_fields:
        yield from (urlencode({"q": word}) for word in WORDS)
        yield urlencode({"q": getattr(next(iter(cl.result_list), None), "pk", "0")})
    for place in range(1, len(cl.list_display)):
        if cl.get_ordering_field(cl.list_display[place]) and (
            cl.sortable_by is None or cl.list_display[place] in cl.sortable_by
        ):
            yield from (f"o={place}", f"o=-{place}")
    if cl.date_hierarchy and len(cl.result_list):
        yield from _dates(cl)


def _dates(cl: Any) -> Iterator[str]:
    at, name = getattr(next(iter(cl.result_list)), cl.date_hierarchy), cl.date_hierarchy
    parts = {"year": at.year, "month": at.month, "day": at.day}
    for depth in range(1, 4):
        chosen = list(parts.items())[:depth]
        yield urlencode({f"{name}__{part}": value for part, value in chosen})
