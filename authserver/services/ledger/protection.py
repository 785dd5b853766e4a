"""The triggers that refuse to change the ledger (migration 0005_ledger_triggers), and the one way past them."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from authserver.models import Event, LedgerLink, LedgerSeal, LedgerState
from authserver.services.ledger import linking

TABLES = tuple(model._meta.db_table for model in (Event, LedgerLink, LedgerSeal))
EACH_HAS = {"sqlite": ("no_update", "no_delete"), "postgresql": ("no_change", "no_truncate")}
QUERY = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE tgenabled IN ('O', 'A')",
}


def missing() -> list[str]:
    """Return the tables that lack a trigger, or have it switched off."""
    with connection.cursor() as cursor:
        cursor.execute(QUERY[connection.vendor])
        there = {name for (name,) in cursor.fetchall()}
    return [table for table in TABLES if any(f"{table}_{kind}" not in there for kind in EACH_HAS[connection.vendor])]


@contextmanager
def opened() -> Iterator[None]:
    """Let rows be removed within this block, which is one transaction. Nobody else ever sees the ledger open."""
    with transaction.atomic():
        linking.lock()
        LedgerState.objects.update(is_open=True)
        yield
        LedgerState.objects.update(is_open=False)
