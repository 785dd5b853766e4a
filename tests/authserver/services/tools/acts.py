"""What is done about tools, and the events that it writes, for test_events.py beside this folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from authserver.models import ResourceServer
from authserver.protocol.tools import publication
from authserver.services.tools import approvals, publishing
from tests.authserver.services.conftest import NOW
from tests.tampering import forget_events


def publish(stage: Any, *names: str) -> None:
    wanted = publication.parse({"tools": [{"name": name, "scopes": []} for name in names], "resources": ["gateway"]})
    assert isinstance(wanted, publication.Publication)
    publishing.publish(wanted, ResourceServer.objects.get(pk=stage.world.asker.id), now=NOW)


def approve(stage: Any, *, for_everybody: bool) -> None:
    publish(stage, "a")
    publish(stage, "a", "b")
    forget_events()
    row, alice = stage.connection, stage.world.alice.user
    if for_everybody:
        approvals.approve_for_everybody(row.handle, row.protected_resource, 2, by=alice, now=NOW)
    else:
        approvals.approve(row, 2, by=alice, now=NOW)


ACTS: dict[str, tuple[Callable[[Any], Any], list[tuple[str, str]]]] = {
    "a resource server publishes its tools": (lambda s: publish(s, "a", "b"), [("tools:published", "system")]),
    "a person lets a connection have new tools": (
        lambda s: approve(s, for_everybody=False),
        [("tools:approved", "person")],
    ),
    "an admin of the handle lets everybody have them": (
        lambda s: approve(s, for_everybody=True),
        [("tools:approved", "person")],
    ),
}
