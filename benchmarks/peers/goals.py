"""What was measured, put together, and the goals it is held against. Pure: no server, no file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from benchmarks.load import Result

OURS, OURS_ON_SQLITE = "Gatehouse, PostgreSQL", "Gatehouse, SQLite"
NODE, NODE_REDIS, NODE_MEMORY = (f"node-oidc-provider, {store}" for store in ("PostgreSQL", "Redis", "memory"))
STOCK, STOCK_FAST = "stock django-oauth-toolkit", "stock django-oauth-toolkit, fast secret"
PATHS = ("introspection", "refresh", "code", "registration", "metadata", "constant")


class Place(NamedTuple):
    """Where something was measured."""

    server: str
    path: str
    processes: int


Measured = Mapping[Place, Result]


@dataclass(frozen=True)
class Goal:
    """Ours is at least so many times theirs. Without `at_least` the ratio is told for information."""

    path: str
    theirs: str
    at_least: float | None
    ours: str = OURS
    their_path: str = ""  # where it is another
    processes: int | None = None  # judged with so many alone


GOALS = (
    Goal("introspection", NODE, 5),
    Goal("introspection", NODE_REDIS, 3),
    Goal("introspection", STOCK, 40),
    Goal("introspection", STOCK_FAST, None),
    Goal("introspection", OURS, 0.6, their_path="constant"),
    Goal("refresh", NODE, 4),
    Goal("refresh", NODE_REDIS, 1),
    Goal("refresh", STOCK_FAST, None),
    Goal("code", NODE, 2),
    Goal("code", NODE_REDIS, None),
    Goal("code", STOCK_FAST, None),
    Goal("registration", NODE, 2),
    Goal("metadata", NODE, 3),
    Goal("introspection", NODE_MEMORY, 3, ours=OURS_ON_SQLITE, processes=1),
)


@dataclass(frozen=True)
class Verdict:
    """One line of the table of goals."""

    what: str
    processes: int
    wanted: str
    reached: str
    met: bool | None  # None: for information


def medians(rounds: Iterable[tuple[Place, Result]]) -> dict[Place, Result]:
    """One result per place: the median of each figure over its rounds, and every wrong answer of all of them."""
    found: dict[Place, list[Result]] = {}
    for place, result in rounds:
        found.setdefault(place, []).append(result)
    return {place: _median(results) for place, results in found.items()}


def _median(results: list[Result]) -> Result:
    def of(name: str) -> float:
        return median(getattr(result, name) for result in results)

    return Result(
        requests_per_second=of("requests_per_second"),
        p50_ms=of("p50_ms"),
        p99_ms=of("p99_ms"),
        answered=sum(result.answered for result in results),
        wrong=sum(result.wrong for result in results),
        cpu_ms_per_1000=of("cpu_ms_per_1000"),
        first_wrong=next((result.first_wrong for result in results if result.wrong), ""),
    )


def verdicts(measured: Measured) -> list[Verdict]:
    """Every goal whose two sides were measured, per number of processes."""
    counts = sorted({place.processes for place in measured})
    return [verdict for count in counts for verdict in [*_ratios(measured, count), *_latency(measured, count)]]


def _ratios(measured: Measured, processes: int) -> Iterator[Verdict]:
    for goal in GOALS:
        ours = measured.get(Place(goal.ours, goal.path, processes))
        theirs = measured.get(Place(goal.theirs, goal.their_path or goal.path, processes))
        if ours is None or theirs is None or goal.processes not in (None, processes):
            continue
        if not theirs.requests_per_second:  # it answered nothing right: no victory to claim
            continue
        ratio = ours.requests_per_second / theirs.requests_per_second
        subject = goal.ours if goal.ours != OURS else "we"
        what = f"{goal.path}: {subject} ÷ {'our own' if goal.theirs == OURS else goal.theirs} {goal.their_path}".strip()
        met = None if goal.at_least is None else ratio >= goal.at_least
        yield Verdict(what, processes, f"≥ {goal.at_least:g}" if goal.at_least else "–", f"{ratio:.2f}", met)


def _latency(measured: Measured, processes: int) -> Iterator[Verdict]:
    """The slowest hundredth of our introspection answers is quicker than every peer's."""
    asked = {
        place.server: result.p99_ms
        for place, result in measured.items()
        if place.path == "introspection" and place.processes == processes and result.p99_ms
    }
    ours = asked.pop(OURS, None)
    asked.pop(OURS_ON_SQLITE, None)
    if ours is not None and asked:
        server = min(asked, key=asked.__getitem__)
        what = f"introspection: our p99 in ms, and the best peer's ({server})"
        yield Verdict(what, processes, f"< {asked[server]:.1f}", f"{ours:.1f}", ours < asked[server])
