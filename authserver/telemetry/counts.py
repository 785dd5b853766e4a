"""What a process counted since it began: integers in its memory, and nothing more. `node` makes figures of them.

The number of figures is bounded whatever strangers do: every label comes from our own code, and beyond
policy.FIGURES_PER_FAMILY_MAX new ones count as "other".
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Mapping
from threading import Lock

from authserver import policy

Labels = tuple[str, ...]
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
MEMBERS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
STATUSES = ("", "1xx", "2xx", "3xx", "4xx", "5xx")
REASON = re.compile(r"[a-z_]{1,40}:[A-Za-z0-9_]{1,60}")
OTHER = "other"
_lock = Lock()


class Tally:
    """A counter: how often something happened, by its labels."""

    def __init__(self, name: str, about: str, *labels: str) -> None:
        self.name, self.about, self.labels = name, about, labels
        self.values: dict[Labels, int] = {}

    def add(self, *values: str, by: int = 1) -> None:
        """Count one more, or several."""
        with _lock:
            known = values if values in self.values else _bounded(self.values, values)
            self.values[known] = self.values.get(known, 0) + by


class Spread:
    """A histogram: how amounts were spread, by their labels. Each row holds how many fell into each bucket, those
    beyond the last bound, and the sum of all."""

    def __init__(self, name: str, about: str, *labels: str, bounds: tuple[float, ...] = SECONDS) -> None:
        self.name, self.about, self.labels, self.bounds = name, about, labels, bounds
        self.rows: dict[Labels, list[float]] = {}

    def note(self, values: Labels, amount: float) -> None:
        """Take in one amount. Not locked: a row belongs to one thread, as those of the door do to its event loop."""
        row = self.rows.get(values)
        if row is None:
            row = self.rows.setdefault(_bounded(self.rows, values), [0] * (len(self.bounds) + 2))
        row[bisect_left(self.bounds, amount)] += 1
        row[-1] += amount

    def note_of_many(self, values: Labels, amount: float) -> None:
        """Take in one amount of a row that several threads share."""
        with _lock:
            self.note(values, amount)


class Gauge:
    """Something that goes up and down, looked at when the figures are written."""

    def __init__(self, name: str, about: str, *labels: str, read: Callable[[], Mapping[Labels, float]]) -> None:
        self.name, self.about, self.labels, self.read = name, about, labels, read


def _bounded(known: Mapping[Labels, object], values: Labels) -> Labels:
    return values if len(known) < policy.FIGURES_PER_FAMILY_MAX else (OTHER,) * len(values)


waiting: dict[str, Callable[[], int]] = {}  # by line of the door: how many are inside

REQUESTS = Spread(
    "gatehouse_request_seconds", "How long requests took, by who answered them.", "server", "endpoint", "status"
)
REFUSALS = Tally("gatehouse_refusals", "Expected noes, by public code and private reason.", "code", "reason")
REFRESHES = Tally("gatehouse_refreshes", "Refreshes, by what came of them.", "outcome")
MEMBERS_OF = Spread(
    "gatehouse_door_members", "How many requests shared a statement or transaction.", "line", bounds=MEMBERS
)
UNAVAILABLE = Tally("gatehouse_door_unavailable", "Answers of 503, by line and cause.", "reason")
DROPPED = Tally("gatehouse_trace_steps_dropped", "Steps of attempts beyond what is held or taken in.")
PURGED = Tally("gatehouse_purged_rows", "Rows that were past any use and were removed.")
WAITING = Gauge(
    "gatehouse_door_waiting", "Requests inside a line of the door.", "line",
    read=lambda: {(name,): inside() for name, inside in waiting.items()},
)  # fmt: skip
TALLIES = (REFUSALS, REFRESHES, UNAVAILABLE, DROPPED, PURGED)
SPREADS = (REQUESTS, MEMBERS_OF)
GAUGES = (WAITING,)


def refused(code: str, reason: str) -> None:
    """Count a refusal. A reason is `subject:what`; anything else counts as "other"."""
    REFUSALS.add(code, reason if REASON.fullmatch(reason) else OTHER)


def forget() -> None:
    """Begin anew: for tests."""
    with _lock:
        for tally in TALLIES:
            tally.values.clear()
        for spread in SPREADS:
            spread.rows.clear()
