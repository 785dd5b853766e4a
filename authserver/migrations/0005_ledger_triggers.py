"""The ledger is append-only: triggers refuse to change or remove events, links and seals, unless it is open.

They guard against accidents and against whoever has the product's own way to the database. The owner of the database can
drop them; that is what the chain is for (docs/events.md, "The ledger").
"""

from django.db import migrations, models

TABLES = ("authserver_event", "authserver_ledgerlink", "authserver_ledgerseal")
REFUSAL = "the ledger is append-only"
CLOSED = "NOT COALESCE((SELECT is_open FROM authserver_ledgerstate WHERE id = 1), {false})"


def sqlite_triggers():
    for table in TABLES:
        for act in ("UPDATE", "DELETE"):
            yield (
                f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} WHEN {CLOSED.format(false=0)} "
                f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
            )


def postgresql_triggers():
    yield (
        "CREATE FUNCTION gatehouse_ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {CLOSED.format(false='false')} THEN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'restrict_violation'; "
        "END IF; RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END; END $$"
    )
    for table in TABLES:
        yield (
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION gatehouse_ledger_is_append_only()"
        )
        yield (
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION gatehouse_ledger_is_append_only()"
        )


def protect(apps, schema_editor):
    kinds = {"sqlite": sqlite_triggers, "postgresql": postgresql_triggers}
    with schema_editor.connection.cursor() as cursor:
        for statement in kinds[schema_editor.connection.vendor]():
            cursor.execute(statement)


def lay_bare(apps, schema_editor):
    """Take the triggers away again."""
    with schema_editor.connection.cursor() as cursor:
        if schema_editor.connection.vendor == "postgresql":
            cursor.execute("DROP FUNCTION gatehouse_ledger_is_append_only() CASCADE")
            return
        for table in TABLES:
            for act in ("update", "delete"):
                cursor.execute(f"DROP TRIGGER {table}_no_{act}")


def make_state(apps, schema_editor):
    apps.get_model("authserver", "LedgerState").objects.get_or_create(id=1)


def remove_state(apps, schema_editor):
    apps.get_model("authserver", "LedgerState").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("authserver", "0004_receipts")]
    operations = [
        migrations.AddField("LedgerState", "verified_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "LedgerState",
            "verified_link_id",
            models.BigIntegerField(default=0, help_text="Up to which link it went."),
        ),
        migrations.AddField(
            "LedgerState",
            "fault",
            models.TextField(blank=True, default="", help_text="The first that it found, as a sentence."),
            preserve_default=False,
        ),
        migrations.AddIndex("Event", models.Index(fields=["handle", "-id"], name="authserver_event_handle")),
        migrations.AddIndex("Event", models.Index(fields=["client_id", "-id"], name="authserver_event_client")),
        migrations.AddIndex("Event", models.Index(fields=["person_id", "-id"], name="authserver_event_person")),
        migrations.RunPython(make_state, remove_state),
        migrations.RunPython(protect, lay_bare),
    ]
