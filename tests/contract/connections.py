"""The clients at one MCP URL, each connected when it is first asked for."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from tests.contract import apps
from tests.contract.apps import App
from tests.contract.person import Person


class Connections:
    """Clients that alice has connected at one place. They stay: while the others connect, credentials run out."""

    def __init__(self, place: str, *, ready: dict, alice: Person, folder: Path, stack: ExitStack) -> None:
        kind, _, self.handle = place.partition(" ")
        self.place, self.ready, self.url = place, ready, address(ready, place)
        # Only the gateway leaves the choice of the handle to the person.
        self._choice = {"person": alice, "handle": self.handle if kind == "gateway" else None}
        self._folder, self._stack = folder, stack
        self._apps: dict[str, App] = {}

    def of(self, client: str) -> App:
        """Return a client, connected."""
        if client not in self._apps:
            connected = apps.connected(client, self.url, self._folder / client, **self._choice)
            self._apps[client] = self._stack.enter_context(connected)
        return self._apps[client]


def address(ready: dict, place: str) -> str:
    """Return the URL of a place: `gateway acme` (acme is chosen there), `hosted acme`, `compat acme`, `other`."""
    kind, _, handle = place.partition(" ")
    return ready["other_resource_url" if kind == "other" else f"{kind}_url"].format(handle=handle)
