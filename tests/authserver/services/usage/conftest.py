"""What these tests are given: a live connection of alice's to acme through the gateway, and its server."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from authserver.models import Connection, ResourceServer, ToolCall
from authserver.protocol.connections.reports import Call, Outcome
from authserver.services.connections import Issued
from authserver.services.usage import reports
from tests.authserver.services.conftest import NOW
from tests.people import World


@pytest.fixture
def held(pair: Issued) -> Connection:
    return Connection.objects.get()


@pytest.fixture
def server(world: World) -> ResourceServer:
    return ResourceServer.objects.get(pk=world.asker.id)


def call(connection: Connection, **changes: Any) -> Call:
    usual: dict[str, Any] = {
        "connection_id": connection.pk,
        "tool": "list_links",
        "scopes": "links.read",
        "missing": (),
        "outcome": Outcome.ALLOWED,
        "count": 1,
        "at": NOW,
    }
    return Call(**usual | changes)


def lacking(connection: Connection, *scopes: str, tool: str = "create_link") -> Call:
    return call(connection, tool=tool, outcome=Outcome.INSUFFICIENT_SCOPE, scopes=" ".join(scopes), missing=scopes)


def report(server: ResourceServer, *calls: Call, now: datetime = NOW) -> int:
    return reports.take(calls, server, now)


def waiting() -> list[tuple[str, str, str, int]]:
    return list(ToolCall.objects.order_by("pk").values_list("tool", "scopes", "outcome", "count"))
