"""A ledger of three months: August and September 2026 are sealed, October goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine

from authserver.models import Event, LedgerLink, LedgerSeal
from authserver.services import events, ledger
from authserver.services.events import RequestFacts, current_request
from authserver.services.receipts import keys
from tests.tampering import forget_events

AUGUST, SEPTEMBER, OCTOBER = (datetime(2026, month, 5, 12, tzinfo=UTC) for month in (8, 9, 10))
NOW = datetime(2026, 10, 20, 12, tzinfo=UTC)
PERSON, CONNECTION = UUID(int=7), UUID(int=9)


@dataclass
class Chain:
    """The ledger's events and links, in the order of the chain."""

    events: list[Event]

    def __getitem__(self, place: int) -> Event:
        return self.events[place]

    def link(self, place: int) -> LedgerLink:
        return LedgerLink.objects.get(event_id=self.events[place].pk)


def record(at: datetime, count: int = 1, **detail: Any) -> list[Event]:
    """Record so many events, a second apart, the first at this moment."""
    made = []
    mark = current_request.set(RequestFacts(address="203.0.113.7", request_id="the-request"))
    try:
        for number in range(count):
            with time_machine.travel(at + timedelta(seconds=number), tick=False):
                made.append(
                    events.record(
                        Event.Tag.CONNECTION_REVOKED,
                        actor=Event.Actor.SYSTEM,
                        person_id=PERSON,
                        handle="acme",
                        **detail,
                    )
                )
    finally:
        current_request.reset(mark)
    return made


def link_and_seal(at: datetime) -> None:
    """Do what the clock asks for, at this moment."""
    with time_machine.travel(at, tick=False):
        ledger.link()
        ledger.seal(now=at)
        ledger.link()


@pytest.fixture
def empty(db: None) -> None:
    """A ledger without events, and a key that signs."""
    with time_machine.travel(AUGUST - timedelta(days=1), tick=False):
        keys.signer()
    forget_events()


@pytest.fixture
def chain(empty: None) -> Chain:
    for start in (AUGUST, SEPTEMBER, OCTOBER):
        record(start, 5, reason="person")
        link_and_seal(start + timedelta(days=1))
    assert LedgerSeal.objects.count() == 2
    return Chain(list(Event.objects.order_by("id")))


def sentences(head: str = "") -> Sequence[str]:
    """Return what a verification finds."""
    return [fault.sentence for fault in ledger.verify(now=NOW, head=head).faults]
