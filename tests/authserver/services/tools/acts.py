"""What is done about tools, and the events that it writes, for test_events.py beside this folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from authserver.models import ResourceServer
from authserver.protocol.tools import publication
from authserver.services.tools import publishing
from tests.authserver.services.conftest import NOW


def publish(stage: Any, *names: str) -> None:
    wanted = publication.parse({"tools": [{"name": name, "scopes": []} for name in names], "resources": ["gateway"]})
    assert isinstance(wanted, publication.Publication)
    publishing.publish(wanted, ResourceServer.objects.get(pk=stage.world.asker.id), now=NOW)


ACTS: dict[str, tuple[Callable[[Any], Any], list[tuple[str, str]]]] = {
    "a resource server publishes its tools": (lambda s: publish(s, "a", "b"), [("tools:published", "system")]),
}
