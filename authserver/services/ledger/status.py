"""Where the ledger stands, cheaply: nothing is counted that an index does not tell."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max

from authserver import policy
from authserver.models import Event, LedgerLink, LedgerSeal, LedgerState
from authserver.services.ledger import linking, reading

WAITING_MAX = 10_000  # counted so far; only a ledger that nobody links has more


@dataclass(frozen=True)
class Status:
    """`number` and `head` are the last link's; `linked_until` the time of its event. `waiting` events have no link."""

    events: int
    number: int
    head: bytes
    linked_until: datetime | None
    waiting: int
    sealed_until: LedgerSeal | None
    verified_at: datetime | None
    verified_number: int
    fault: str


def status() -> Status:
    """Return where the ledger stands. Events that are linked are counted by their numbers, which have no gaps."""
    number, head = linking.head()
    first = LedgerLink.objects.order_by("id").first()
    last = LedgerLink.objects.filter(id=number).first()
    event = Event.objects.filter(pk=last.event_id).first() if last else None
    waiting = _waiting()
    state = LedgerState.objects.get()
    return Status(
        events=(number - first.pk + 1 if first else 0) + waiting,
        number=number,
        head=head,
        linked_until=event.at if event else None,
        waiting=waiting,
        sealed_until=LedgerSeal.objects.order_by("-month").first(),
        verified_at=state.verified_at,
        verified_number=state.verified_link_id,
        fault=state.fault,
    )


def _waiting() -> int:
    highest = LedgerLink.objects.aggregate(highest=Max("event_id"))["highest"]
    rows = reading.unlinked(after=None if highest is None else highest - policy.LEDGER_LOOK_BACK)
    return rows[:WAITING_MAX].count()
