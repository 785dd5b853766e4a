"""A connection attempt: the steps that belong together, and what they say of it as a whole."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from authserver.protocol.trace.steps import Kind, Step

# What clients and MCP servers ask for themselves; everything else comes from a person's browser.
MACHINE = frozenset(
    {
        Kind.CHALLENGE,
        Kind.RESOURCE_METADATA,
        Kind.SERVER_METADATA,
        Kind.REGISTRATION,
        Kind.TOKEN,
        Kind.REFRESH,
        Kind.CALL,
    }
)
# What comes before a person is sent to us, in this order.
BEFOREHAND = frozenset({Kind.CHALLENGE, Kind.RESOURCE_METADATA, Kind.SERVER_METADATA, Kind.REGISTRATION})
AT_THE_SERVER = frozenset({Kind.CHALLENGE, Kind.RESOURCE_METADATA, Kind.CALL})  # the MCP server, which reports them
Fact = TypeVar("Fact")


def order(step: Step) -> tuple[datetime, int, str]:
    """Return what steps are put in order by."""
    return step.at, step.id, step.kind.value


@dataclass(frozen=True, eq=False)
class Attempt:
    """Steps of one attempt in the order of their times. `before` is the request id of the attempt of the same
    connection or client that came before this one, `after` of the next. What happens to the connection from `next_at`
    on belongs to the next one."""

    steps: tuple[Step, ...]
    before: str = ""
    after: str = ""
    next_at: datetime | None = None

    @property
    def id(self) -> str:
        """Return the request id that the attempt is called by: of its first step that has one."""
        return next((step.request_id for step in self.steps if step.request_id), "")

    @property
    def began_at(self) -> datetime:
        return self.steps[0].at

    @property
    def last_at(self) -> datetime:
        return self.steps[-1].at

    @property
    def person_id(self) -> UUID | None:
        return self._last(lambda step: step.person_id)

    @property
    def connection_id(self) -> UUID | None:
        return self._last(lambda step: step.connection_id)

    @property
    def client_id(self) -> str:
        return self._last(lambda step: step.client_id) or ""

    @property
    def resource(self) -> str:
        """Return the address that was asked for when a person was sent here, else the one that was called."""
        asked = [step for step in self.steps if step.kind not in AT_THE_SERVER]
        return _last_of(asked, lambda step: step.resource) or self._last(lambda step: step.resource) or ""

    @property
    def handle(self) -> str:
        return self._last(lambda step: step.handle) or ""

    @property
    def handles(self) -> frozenset[str]:
        return frozenset(step.handle for step in self.steps if step.handle)

    @property
    def agent(self) -> str:
        """Return what the client's program calls itself, or nothing where only a browser was seen."""
        return _last_of([step for step in self.steps if step.kind in MACHINE], lambda step: step.agent) or ""

    def of(self, *kinds: Kind) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.kind in kinds)

    def has(self, step: Step) -> bool:
        return any(each is step for each in self.steps)

    def _last(self, fact: Callable[[Step], Fact | None]) -> Fact | None:
        return _last_of(self.steps, fact)


def _last_of(steps: Iterable[Step], fact: Callable[[Step], Fact | None]) -> Fact | None:
    return next((found for found in map(fact, reversed(tuple(steps))) if found), None)
