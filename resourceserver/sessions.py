"""Which caller an MCP session belongs to. A session id is a name, not a proof (it is only good with its own caller).

In memory and bounded: the least recently used session is forgotten first, and a forgotten session is unknown,
so that its client opens a new one. Nothing here ever lets a foreign caller in.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

from resourceserver.introspection import Identity

Verdict = Literal["own", "foreign", "unknown"]


@dataclass(frozen=True)
class Owner:
    """Who opened a session, and at which endpoint; person, handle and client are None where no credential came."""

    resource: str
    person: str | None = None
    handle: str | None = None
    client_id: str | None = None

    @classmethod
    def of(cls, resource: str, identity: Identity | None) -> "Owner":
        """Return the owner that a caller at an endpoint is."""
        if identity is None:
            return cls(resource)
        return cls(resource, identity.person, identity.handle, identity.client_id)


class SessionBook:
    """The sessions that were opened here and are still remembered."""

    def __init__(self, *, max_sessions: int = 20_000) -> None:
        self._max_sessions = max_sessions
        self._owners: OrderedDict[str, Owner] = OrderedDict()

    def remember(self, session_id: str, owner: Owner) -> None:
        """Bind a session to its owner, unless it is bound already."""
        self._owners.setdefault(session_id, owner)
        self._owners.move_to_end(session_id)
        if len(self._owners) > self._max_sessions:
            self._owners.popitem(last=False)

    def judge(self, session_id: str, caller: Owner) -> Verdict:
        """Return whose session this is, seen from ``caller``.

        In mixed mode a session is opened before anybody signed in; it becomes the first caller's that did,
        and from then on it is nobody else's.
        """
        owner = self._owners.get(session_id)
        if owner is None:
            return "unknown"
        if owner == Owner(caller.resource):
            self._owners[session_id] = owner = caller
        if owner != caller:
            return "foreign"
        self._owners.move_to_end(session_id)
        return "own"

    def forget(self, session_id: str) -> None:
        """Drop a session that ended."""
        self._owners.pop(session_id, None)
