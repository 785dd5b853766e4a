"""While a new version is rolled out, the one before it goes on over the schema of the new one (CONTRIBUTING.md, "To
change the schema")."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, migrations, models
from django.db.migrations import operations as ops
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.fields import FieldOperation
from django.db.migrations.state import ProjectState
from django.utils import timezone

from authserver.migrations._operations import AddIndexBesideWriters

# The schema of the last release. Moved at each release, to its newest migrations; the exceptions then go.
RELEASED = {"authserver": "0020_event_tags", "accounts": "0003_language", "handles": "0003_for_testing"}
# (app, migration, operation as it describes itself) -> why the version before can do with it.
EXCEPTIONS: dict[tuple[str, str, str], str] = {}
HARMLESS = (ops.CreateModel, ops.AlterModelOptions, ops.AlterModelManagers, ops.RemoveIndex, ops.RemoveConstraint,
            AddIndexBesideWriters)  # fmt: skip
FOR_NEW_TABLES = (ops.AddIndex, ops.AddConstraint, ops.AlterUniqueTogether, ops.AlterIndexTogether)
APPEND_ONLY = {"Event", "LedgerLink", "LedgerSeal"}
Node = tuple[str, str]


@pytest.fixture(scope="module")
def loader() -> MigrationLoader:
    return MigrationLoader(None)


def released(loader: MigrationLoader) -> ProjectState:
    return loader.project_state(list(RELEASED.items()))


def since(loader: MigrationLoader) -> Iterator[Node]:
    """The migrations of ours that the released version does not have."""
    had = {node for released in RELEASED.items() for node in loader.graph.forwards_plan(released)}
    for node in loader.graph.leaf_nodes():
        yield from (one for one in loader.graph.forwards_plan(node) if one[0] in RELEASED and one not in had)


def breach(operation: Any, app: str, before: ProjectState, old: ProjectState) -> str:
    """Why the version before cannot live with this, or nothing."""
    model = getattr(operation, "model_name_lower", getattr(operation, "name_lower", ""))
    is_new = (app, model) not in old.models
    if isinstance(operation, HARMLESS) or (is_new and isinstance(operation, (*FOR_NEW_TABLES, FieldOperation))):
        return ""
    if isinstance(operation, ops.AddField):
        field = operation.field
        is_open = field.null or field.many_to_many or field.has_db_default()
        return (
            "" if is_open else "its INSERTs leave the column out, and the database has no default for it (db_default)"
        )
    if isinstance(operation, ops.AlterField):
        return altered(before.models[app, model].fields[operation.name], operation.field)
    if isinstance(operation, ops.AddIndex):
        return "it stops every writer while it is made: AddIndexBesideWriters, in a migration with atomic = False"
    return "say in EXCEPTIONS why the version before can do with it, or do it one release later"


def altered(before: Any, after: Any) -> str:
    """Choices, texts and Python's defaults are no business of the database; a longer column holds what was there."""
    (_, way, _, kept), (_, other_way, _, now) = before.deconstruct(), after.deconstruct()
    changed = {
        name for name in {*kept, *now} - set(before.non_db_attrs) - {"default"} if kept.get(name) != now.get(name)
    }
    longer = changed == {"max_length"} and now["max_length"] > kept["max_length"]
    wider = changed == {"null"} and after.null
    fits = way == other_way and (not changed or longer or wider)
    return "" if fits else f"it changes {', '.join(sorted(changed)) or 'the type'} under the feet of the version before"


def test_every_migration_since_the_release_leaves_its_code_running(loader: MigrationLoader) -> None:
    old, found = released(loader), []
    for app, name in dict.fromkeys(since(loader)):
        migration = loader.get_migration(app, name)
        state = loader.project_state((app, name), at_end=False)
        for operation in migration.operations:
            why = breach(operation, app, state, old)
            if why and (app, name, operation.describe()) not in EXCEPTIONS:
                found.append(f"{app}.{name}, {operation.describe()}: {why}")
            operation.state_forwards(app, state)
        if any(isinstance(each, AddIndexBesideWriters) for each in migration.operations):
            assert not migration.atomic, f"{app}.{name} needs atomic = False"
    assert found == []


TEXT, EMAIL = models.TextField(), models.CharField(max_length=10, blank=True, default="")


@pytest.mark.parametrize(
    ("operation", "why"),
    [
        (migrations.AddField("notice", "x", TEXT), "db_default"),
        (migrations.AddField("notice", "x", EMAIL), "db_default"),
        (migrations.AddField("notice", "x", models.TextField(null=True)), ""),
        (migrations.AddField("notice", "x", models.TextField(db_default="")), ""),
        (migrations.RemoveField("notice", "kind"), "EXCEPTIONS"),
        (migrations.RenameField("notice", "kind", "sort"), "EXCEPTIONS"),
        (migrations.DeleteModel("notice"), "EXCEPTIONS"),
        (migrations.RunPython(migrations.RunPython.noop), "EXCEPTIONS"),
        (migrations.AlterField("notice", "kind", models.CharField(max_length=19)), "max_length"),
        (migrations.AlterField("notice", "kind", models.CharField(max_length=21)), ""),
        (migrations.AlterField("notice", "sent_at", models.DateTimeField()), "null"),
        (migrations.AlterField("notice", "facts", models.TextField()), "type"),
        (migrations.AddIndex("notice", models.Index(fields=["kind"], name="x")), "AddIndexBesideWriters"),
        (migrations.AddConstraint("notice", models.UniqueConstraint(fields=["kind"], name="x")), "EXCEPTIONS"),
    ],
)  # fmt: skip
def test_what_would_break_the_version_before_is_named(loader: MigrationLoader, operation: Any, why: str) -> None:
    state = released(loader)
    found = breach(operation, "authserver", state, state)
    assert (why in found) if why else found == ""


def test_the_version_before_reads_and_writes_every_table_of_the_new_schema(db: None, loader: MigrationLoader) -> None:
    """Its models are those of the state that its migrations made: they name exactly the columns that it knew."""
    made: dict[Any, Any] = {}
    apps = released(loader).apps
    ours = [model for app in RELEASED for model in apps.get_app_config(app).get_models(include_auto_created=True)]
    for model in ours:
        row = row_of(model, made)
        model._base_manager.filter(pk=row.pk).values().get()
        if model.__name__ not in APPEND_ONLY:
            row.save(force_update=len(model._meta.concrete_fields) > 1)
    assert len(made) >= len(ours) > 40
    for row in reversed(list(made.values())):
        if type(row).__name__ not in APPEND_ONLY:
            row._meta.default_manager.filter(pk=row.pk)._raw_delete(using="default")
    connection.check_constraints()


def row_of(model: Any, made: dict[Any, Any]) -> Any:
    """One row of this model, with whatever it hangs on, as the version before would insert it."""
    if model not in made:
        fields = [field for field in model._meta.concrete_fields if not is_counted(field)]
        values = {field.name: value_of(field, made) for field in fields}
        given = {name: value for name, value in values.items() if value is not models.NOT_PROVIDED}
        made[model] = model._base_manager.create(**given)
    return made[model]


def is_counted(field: Any) -> bool:
    return isinstance(field, models.AutoField | models.BigAutoField)


def value_of(field: Any, made: dict[Any, Any]) -> Any:
    """A value that no other row has; nothing where the field has one itself, or needs none."""
    if field.is_relation and not field.null:
        return row_of(field.remote_field.model, made)
    if field.null or (field.has_default() and not field.unique):
        return models.NOT_PROVIDED
    kinds: dict[type[Any], Any] = {
        models.UUIDField: uuid.uuid4(),
        models.DateTimeField: timezone.now(),
        models.DateField: timezone.now().date().replace(day=1, year=2001),
        models.BooleanField: False,
        models.IntegerField: 17,
        models.BinaryField: uuid.uuid4().bytes,
        models.JSONField: {},
        models.GenericIPAddressField: "192.0.2.1",
    }
    for kind, value in kinds.items():
        if isinstance(field, kind):
            return value
    return uuid.uuid4().hex[: min(field.max_length or 32, 32)]
