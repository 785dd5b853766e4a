"""Fill the migrated, empty database of this environment: everybody of the tests, then the large tables."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import connection as database
from django.db import models
from django.utils import timezone

from accounts.models import User
from authserver.models import AccessToken, Client, Connection, ProtectedResource, RefreshToken
from authserver.protocol.client_metadata import ClientMetadata
from authserver.services import registration
from benchmarks.seed import indexes, rows, writing
from benchmarks.seed.progress import step
from benchmarks.seed.rows import Plan, SeededClient, Table
from handles.models import Handle, Membership
from handles.roles import Role
from tests.people import CALLBACK, GATEWAY, READS, make_world

LIFETIME = timedelta(days=365)  # of seeded tokens, so that a kept database serves for long
CLIENTS = (10, 10_000)  # at least, at most
PERSONS_MIN = 10
LARGE: tuple[type[models.Model], ...] = (User, Handle, Membership, Connection, RefreshToken, AccessToken)
MEMORY = "512MB"  # for making indexes
BATCH = 1_000


@dataclass(frozen=True)
class Seeded:
    """What whoever asks the server has to know."""

    connections: int
    persons: int  # as many connections are with the first client: those with the numbers 1 to this
    client_id: str
    asker_id: str
    asker_secret: str


def fill(count: int) -> Seeded:
    """Fill the database with so many live connections, each with a live access token and a live refresh token."""
    world = make_world()
    plan = make_plan(count)
    with _quickly():
        numbers, persons = range(1, count + 1), range(plan.persons)
        counts = (range(plan.handles), persons, persons, numbers, numbers, numbers)
        writing.fill(target(), plan, list(zip(large_tables(plan), counts, strict=True)), label=f"{count:,} connections")
    _settle()
    first = Client.objects.get(pk=plan.clients[0].pk).client_id
    return Seeded(count, plan.persons, first, world.asker.id, world.asker.secret)


def make_plan(count: int) -> Plan:
    persons = max(PERSONS_MIN, count // 10)
    at_least, at_most = CLIENTS
    made = _clients(max(at_least, min(at_most, count // 1_000 + 1)))
    return Plan(count, persons, max(1, count // 100), made, timezone.now())


def _clients(count: int) -> tuple[SeededClient, ...]:
    """Make so many public clients, as registrations of different products would."""
    made = [_client(number) for number in range(count)]
    Client.objects.bulk_create(made, batch_size=BATCH)
    return tuple(SeededClient(row.pk, row.name, row.metadata_digest) for row in Client.objects.order_by("pk"))


def _client(number: int) -> Client:
    name = f"Client {number}"
    metadata = ClientMetadata(name, (CALLBACK,), "none", True, "", "", "", "", "", "")
    client = Client(client_id=str(uuid.uuid4()), registration_source=Client.RegistrationSource.DCR)
    registration.apply(client, metadata)
    client.registration_key = client.metadata_digest
    return client


def large_tables(plan: Plan) -> list[Table]:
    """The large tables, parents first."""
    now, expires = plan.now, plan.now + LIFETIME
    gateway = ProtectedResource.objects.get(kind=ProtectedResource.Kind.GATEWAY)
    held = {"scopes": READS, "approved_scopes": READS, "resource": GATEWAY, "protected_resource_id": gateway.pk}
    connection = Connection(**held, redirect_origin="https://chatgpt.com", created_at=now, approved_at=now)
    return [
        table(Handle(created_at=now), rows.handles),
        table(User(password=make_password(None), created_at=now), rows.persons),
        table(Membership(role=Role.MEMBER, created_at=now), rows.memberships),
        table(connection, rows.connections),
        table(RefreshToken(issued_at=now, expires_at=expires), rows.refresh_tokens),
        table(AccessToken(scopes=READS, issued_at=now, expires_at=expires), rows.access_tokens),
    ]


def table(sample: models.Model, make: Callable[..., Iterator[rows.Row]]) -> Table:
    """The table of a model: what does not vary is as in the sample, whatever columns there are."""
    varying = rows.VARYING[make]
    fields = [field for field in sample._meta.local_concrete_fields if field.column not in varying]
    if sample._meta.pk in fields:
        fields.remove(sample._meta.pk)  # the database counts
    values = tuple(_plain(field.get_db_prep_save(field.pre_save(sample, True), database)) for field in fields)
    return Table(sample._meta.db_table, make, varying, tuple(field.column for field in fields), values)


def _plain(value: Any) -> Any:
    """A prepared value as COPY takes it and another process without Django can read it: bytes without psycopg's
    wrapping, text that is no member of an enumeration."""
    value = getattr(value, "obj", value)
    return str(value) if isinstance(value, str) else value


def target() -> writing.Database:
    """The database of this environment, as the seeder writes to it."""
    if database.vendor == "sqlite":
        database.ensure_connection()
        return writing.SQLite(database.connection)
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    found = {theirs: database.settings_dict.get(ours) for ours, theirs in names.items()}
    return writing.PostgreSQL({name: value for name, value in found.items() if value})


def run(statement: str) -> list[tuple[Any, ...]]:
    with database.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


@contextlib.contextmanager
def _quickly() -> Iterator[None]:
    """Inside, the large tables have no index and no constraint that can be put back after."""
    names = [model._meta.db_table for model in LARGE]
    is_sqlite = database.vendor == "sqlite"
    taken = indexes.of_sqlite(run, names) if is_sqlite else indexes.of_postgresql(run, names)
    for statement in SQLITE_QUICK if is_sqlite else POSTGRESQL_QUICK:
        run(statement)
    for statement in taken.drop:
        run(statement)
    yield
    for place, statement in enumerate(taken.restore, 1):
        if place == 1 or place % 5 == 0:
            step(f"index {place} of {len(taken.restore)}")
        run(statement)


SQLITE_QUICK = ("PRAGMA foreign_keys = OFF", "PRAGMA synchronous = OFF", "PRAGMA cache_size = -1000000")
POSTGRESQL_QUICK = (f"SET maintenance_work_mem = '{MEMORY}'", "SET synchronous_commit = off")


def _settle() -> None:
    """Leave the database as one that has been at work for long: statistics, visibility, nothing to be written later."""
    step("statistics")
    if database.vendor == "sqlite":
        for statement in ("PRAGMA wal_checkpoint(TRUNCATE)", "ANALYZE", "PRAGMA foreign_keys = ON"):
            run(statement)
        return
    for model in (RefreshToken, AccessToken):
        name = model._meta.db_table
        run(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT max(id) FROM {name}))")
    run("VACUUM (ANALYZE)")
    run("CHECKPOINT")
