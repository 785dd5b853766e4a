"""The database itself refuses to change or remove what the ledger holds."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.db.models import Model

from authserver.models import Event, LedgerLink, LedgerSeal, LedgerState
from authserver.services.ledger import protection
from tests.authserver.services.ledger.conftest import Chain
from tests.tampering import laid_bare, run

triggers = import_module("authserver.migrations.0005_ledger_triggers")
PROTECTED = [Event, LedgerLink, LedgerSeal]


def contents(model: type[Model]) -> list[Any]:
    return list(model._default_manager.order_by("pk").values())


@pytest.mark.parametrize("model", PROTECTED)
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET {} = {}", "DELETE FROM {} WHERE {} = {}"])
def test_no_row_is_changed_or_removed(chain: Chain, model: type[Model], statement: str) -> None:
    table, key = model._meta.db_table, model._meta.pk.column  # type: ignore[union-attr]
    before = contents(model)
    first = model._default_manager.order_by("pk").values_list("pk", flat=True)[0]
    with pytest.raises(DatabaseError, match="the ledger is append-only"), transaction.atomic():
        run(statement.format(table, key, f"'{first}'"))
    assert contents(model) == before


@pytest.mark.parametrize("model", PROTECTED)
def test_no_row_goes_by_the_orm(chain: Chain, model: type[Model]) -> None:
    before = contents(model)
    row = model._default_manager.all()[0]
    for act in (row.delete, row.save, model._default_manager.all().delete):
        with pytest.raises(DatabaseError, match="the ledger is append-only"), transaction.atomic():
            act()
    assert contents(model) == before


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite knows no TRUNCATE")
@pytest.mark.parametrize("model", PROTECTED)
def test_no_table_is_emptied(chain: Chain, model: type[Model]) -> None:
    with pytest.raises(DatabaseError, match="the ledger is append-only"), transaction.atomic():
        run(f"TRUNCATE {model._meta.db_table}")
    assert contents(model)


def test_the_command_that_empties_a_database_is_refused(chain: Chain) -> None:
    with pytest.raises(Exception, match="couldn't be flushed"), transaction.atomic():
        call_command("flush", interactive=False, verbosity=0)
    assert Event.objects.count() == 17


@pytest.mark.parametrize("model", PROTECTED)
def test_an_upsert_changes_nothing_either(chain: Chain, model: type[Model]) -> None:
    row = model._default_manager.all()[0]
    names = [field.name for field in model._meta.fields if not field.primary_key]
    with pytest.raises(DatabaseError, match="the ledger is append-only"), transaction.atomic():
        model._default_manager.bulk_create(
            [row],
            update_conflicts=True,
            update_fields=names,
            unique_fields=[model._meta.pk.name],  # type: ignore[union-attr]
        )


def test_without_the_ledgers_one_row_it_is_closed(chain: Chain) -> None:
    LedgerState.objects.all().delete()
    with pytest.raises(DatabaseError, match="the ledger is append-only"), transaction.atomic():
        Event.objects.all().delete()


def test_it_is_open_within_one_transaction_only(chain: Chain) -> None:
    with protection.opened():
        assert LedgerState.objects.get().is_open
        LedgerSeal.objects.all().delete()
    assert not LedgerState.objects.get().is_open
    with pytest.raises(RuntimeError), protection.opened():
        Event.objects.all().delete()
        raise RuntimeError
    assert not LedgerState.objects.get().is_open
    assert Event.objects.count() == 17


def test_every_table_has_its_triggers_after_all_migrations(db: None) -> None:
    """SQLite drops them with a table that a migration builds anew: that migration has to put them back."""
    assert protection.missing() == []
    assert set(protection.TABLES) == set(triggers.TABLES)


def test_a_trigger_that_was_switched_off_is_missed(db: None) -> None:
    with laid_bare():
        assert protection.missing() == list(protection.TABLES)
    if connection.vendor == "postgresql":
        run("ALTER TABLE authserver_event DISABLE TRIGGER USER")
        assert protection.missing() == ["authserver_event"]


def test_the_migration_goes_back_and_forth(db: None) -> None:
    editor = SimpleNamespace(connection=connection)
    triggers.lay_bare(apps, editor)
    triggers.remove_state(apps, editor)
    assert not LedgerState.objects.exists()
    triggers.make_state(apps, editor)
    triggers.make_state(apps, editor)
    triggers.protect(apps, editor)
    assert LedgerState.objects.get().is_open is False
    assert protection.missing() == []
