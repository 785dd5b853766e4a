"""Ways past the ledger's triggers that only tests have: to begin afresh, and to do what an intruder would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import SimpleNamespace

from django.apps import apps
from django.db import connection

from authserver.models import Event, LedgerLink, LedgerSeal
from authserver.services.ledger import protection

triggers = import_module("authserver.migrations.0005_ledger_triggers")


@contextmanager
def laid_bare() -> Iterator[None]:
    """Take the triggers away for this block, as only the owner of the database can."""
    editor = SimpleNamespace(connection=connection)
    triggers.lay_bare(apps, editor)
    try:
        yield
    finally:
        triggers.protect(apps, editor)


def forget_events() -> None:
    """Begin with an empty ledger."""
    with protection.opened():
        for model in (Event, LedgerLink, LedgerSeal):
            model.objects.all().delete()


def run(statement: str, *values: object) -> None:
    """Execute SQL, as an intruder would type it."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
