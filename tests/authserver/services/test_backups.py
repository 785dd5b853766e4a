"""Where PostgreSQL's programs are sent: to the database itself, with what the settings say of it."""

from __future__ import annotations

from typing import Any

import environ
import pytest
from django.db import connections
from django.test import override_settings

from authserver.services.backups import postgresql

POOLER = "postgres://app:pooled@bouncer:6432/gatehouse"
STRAIGHT = "postgres://app:s3cret@a.example:5432,b.example:5433/gatehouse?target_session_attrs=read-write"
PROVEN = "postgres://app@db.example/gatehouse?sslmode=verify-full&sslrootcert=/ca.pem&sslcert=/app.pem&sslkey=/app.key"


@pytest.mark.parametrize(
    ("database", "door", "told"),
    [
        (
            POOLER,
            STRAIGHT,
            {
                "PGDATABASE": "gatehouse", "PGUSER": "app", "PGPASSWORD": "s3cret", "PGPORT": "5432,5433",
                "PGHOST": "a.example,b.example", "PGTARGETSESSIONATTRS": "read-write",
            },
        ),
        (
            PROVEN,
            "",
            {
                "PGDATABASE": "gatehouse", "PGUSER": "app", "PGHOST": "db.example", "PGSSLMODE": "verify-full",
                "PGSSLROOTCERT": "/ca.pem", "PGSSLCERT": "/app.pem", "PGSSLKEY": "/app.key",
            },
        ),
    ],
)  # fmt: skip
def test_the_way_leads_past_a_pooler_with_every_proof(
    monkeypatch: pytest.MonkeyPatch, database: str, door: str, told: dict[str, Any]
) -> None:
    given = connections.settings["default"] | environ.Env.db_url_config(database)
    monkeypatch.setitem(connections.settings, "default", given)
    with override_settings(DOOR_DATABASE=environ.Env.db_url_config(door) if door else {}):
        assert postgresql.environment() == told
