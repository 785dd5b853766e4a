"""Receipts for people: who heard that access ended, and how soon."""

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from authserver import policy
from authserver.models import Connection, Event, EventStream, SecurityEvent

Method = EventStream.Method
Tag = Event.Tag
CHANGES = (Tag.CONNECTION_NARROWED, Tag.CONNECTION_WIDENED, Tag.CONNECTION_PAUSED)
FRESHNESS = {
    Method.POLL: timedelta(seconds=policy.POLL_FRESHNESS_SECONDS),
    Method.PUSH: timedelta(seconds=policy.PUSH_FRESHNESS_SECONDS),
}


class What(Enum):
    """What a receipt is about: access that ended, or a connection that was narrowed or paused."""

    ENDED = "ended"
    CHANGED = "changed"


@dataclass(frozen=True)
class Tally:
    """How many of the servers that may have remembered something were told, and said that they heard.

    `last_ms` is how long the slowest took, so far. `within_seconds` is how long one that did not hear may go on
    remembering: its own rule, since without events it asks about every request again.
    """

    heard: int = 0
    asked: int = 0
    last_ms: int = 0
    within_seconds: int = 0

    @property
    def is_complete(self) -> bool:
        return self.heard == self.asked

    def told(self, what: What) -> str:
        """Return a sentence: it holds everywhere, after so long; or who has not confirmed it."""
        if not self.asked:
            return AT_ONCE[what]()
        if self.is_complete:
            return _after(what, self.asked) % {"ms": self.last_ms, "heard": self.heard, "asked": self.asked}
        numbers = {
            "heard": self.heard,
            "asked": self.asked,
            "missing": self.asked - self.heard,
            "seconds": self.within_seconds,
        }
        return _missing(self.heard, self.asked - self.heard) % numbers


AT_ONCE = {
    What.ENDED: lambda: _("Access is refused everywhere at once (no server remembers answers)."),
    What.CHANGED: lambda: _("It holds everywhere at once (no server remembers answers)."),
}


def _after(what: What, asked: int) -> str:
    if what is What.ENDED:
        return ngettext(
            "Access is refused everywhere after %(ms)s ms (%(heard)s of %(asked)s server).",
            "Access is refused everywhere after %(ms)s ms (%(heard)s of %(asked)s servers).",
            asked,
        )
    return ngettext(
        "It holds everywhere after %(ms)s ms (%(heard)s of %(asked)s server).",
        "It holds everywhere after %(ms)s ms (%(heard)s of %(asked)s servers).",
        asked,
    )


def _missing(heard: int, missing: int) -> str:
    if heard + missing == 1:
        return _("0 of 1 server have confirmed; the other asks us for every request again within %(seconds)s seconds.")
    if missing == 1:
        return ngettext(
            "%(heard)s of %(asked)s servers has confirmed; the other asks us for every request again "
            "within %(seconds)s seconds.",
            "%(heard)s of %(asked)s servers have confirmed; the other asks us for every request again "
            "within %(seconds)s seconds.",
            heard,
        )
    return ngettext(
        "%(heard)s of %(asked)s servers has confirmed; the other %(missing)s ask us for every request again "
        "within %(seconds)s seconds.",
        "%(heard)s of %(asked)s servers have confirmed; the other %(missing)s ask us for every request again "
        "within %(seconds)s seconds.",
        heard,
    )


def of(event_ids: Collection[int]) -> Tally:
    """Return the tally of what these events owed. A stream counts where it could have remembered something: it was
    verified, and in touch so recently that its server still trusted it when the event came."""
    owed = SecurityEvent.objects.filter(event_id__in=event_ids).exclude(stream__verified_at=None)
    rows = [row for row in owed.select_related("stream") if _was_trusted(row)]
    missing = {row.stream_id: FRESHNESS[Method(row.stream.method)] for row in rows if row.acknowledged_at is None}
    times = [row.acknowledged_at - row.created_at for row in rows if row.acknowledged_at]
    asked = len({row.stream_id for row in rows})
    return Tally(
        heard=asked - len(missing),
        asked=asked,
        last_ms=max(times, default=timedelta()) // timedelta(milliseconds=1),
        within_seconds=max(missing.values(), default=timedelta()) // timedelta(seconds=1),
    )


def _was_trusted(owed: SecurityEvent) -> bool:
    last, patience = owed.stream.last_contact_at, FRESHNESS[Method(owed.stream.method)]
    return last is not None and last >= owed.created_at - patience - policy.NODE_CLOCK_SKEW


def wait_for(event_ids: Collection[int], *, seconds: float = policy.RECEIPT_WAIT_SECONDS) -> Tally:
    """Return the tally once everybody heard, or as it is after so many seconds. Call it outside of a transaction."""
    until = time.monotonic() + seconds
    while not (tally := of(event_ids)).is_complete and time.monotonic() < until:
        time.sleep(policy.RECEIPT_STEP_SECONDS)
    return tally


def sentence(connections: Iterable[Connection]) -> str:
    """Return what a person reads after these connections ended: who confirmed it, and when the rest follows."""
    ids = [connection.pk for connection in connections]
    ended = Event.objects.filter(tag=Event.Tag.CONNECTION_REVOKED, connection_id__in=ids)
    return wait_for(list(ended.values_list("pk", flat=True))).told(What.ENDED)


def in_force(connection: Connection) -> str:
    """Return what a person reads after this connection was narrowed or paused: that the next call obeys, and since
    when everywhere."""
    changes = Event.objects.filter(tag__in=CHANGES, connection_id=connection.pk).order_by("-pk")
    return wait_for(list(changes.values_list("pk", flat=True)[:1])).told(What.CHANGED)
