"""The rows of the large tables, number by number. Needs no Django: the processes that write them start at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from authserver.protocol import credentials
from benchmarks.seed.numbers import code_of, id_of, refresh_token_of, token_of

Row = tuple[Any, ...]
UNUSED_EVERY = 10  # one connection of so many was never used
USED_WITHIN_HOURS = 30 * 24
SPENT_SINCE = timedelta(days=31)  # longer than anything is kept that expired


@dataclass(frozen=True)
class SeededClient:
    """What a connection holds of its client."""

    pk: int
    name: str
    metadata_digest: str


@dataclass(frozen=True)
class Plan:
    """How many of what. Person and handle numbers begin with 0, those of connections with 1."""

    connections: int
    persons: int
    handles: int
    clients: tuple[SeededClient, ...]
    now: datetime
    run: str = ""  # of what is made later, what tells it from what was made before

    def person_of(self, number: int) -> int:
        return (number - 1) % self.persons

    def handle_of(self, person: int) -> int:
        return person % self.handles

    def client_of(self, number: int) -> SeededClient:
        """The first connection of every person is with the first client, as a few clients have most people; the others
        are with another one each."""
        turn = (number - 1) // self.persons
        if turn == 0:
            return self.clients[0]
        return self.clients[1 + (self.person_of(number) * 7 + turn) % (len(self.clients) - 1)]

    def used_at(self, number: int) -> str | None:
        """When the connection was last used, spread over a month; None for the few that never were."""
        if number % UNUSED_EVERY == 0:
            return None
        return _hours_before(self.now, number * 7919 % USED_WITHIN_HOURS)


def text_of(at: datetime) -> str:
    """A time in UTC as both databases read it."""
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")


@cache
def _hours_before(at: datetime, hours: int) -> str:
    return text_of(at - timedelta(hours=hours))


def persons(plan: Plan, numbers: Iterable[int]) -> Iterator[Row]:
    for number in numbers:
        yield id_of("person", number), f"person-{number}@example.com", f"Person {number}"


def handles(plan: Plan, numbers: Iterable[int]) -> Iterator[Row]:
    for number in numbers:
        yield id_of("handle", number), f"seeded-{number}", f"Handle {number}"


def memberships(plan: Plan, numbers: Iterable[int]) -> Iterator[Row]:
    for number in numbers:
        yield id_of("handle", plan.handle_of(number)), id_of("person", number)


def connections(plan: Plan, numbers: Iterable[int]) -> Iterator[Row]:
    for number in numbers:
        person, client = plan.person_of(number), plan.client_of(number)
        yield (
            id_of("connection", number),
            id_of("person", person),
            id_of("handle", plan.handle_of(person)),
            client.pk,
            client.name,
            client.metadata_digest,
            plan.used_at(number),
        )


def refresh_tokens(plan: Plan, numbers: Iterable[int]) -> Iterator[Row]:
    for number in numbers:
        secret = refresh_token_of(number)
        yield number, id_of("connection", number), credentials.digest(secret), plan.used_at(number)


def access_tokens(plan: Plan, numbers: Iterable[int]) -> Iterator[Row]:
    for number in numbers:
        secret = token_of(number)
        yield number, id_of("connection", number), number, credentials.digest(secret), plan.used_at(number)


def codes(plan: Plan, numbers: Iterable[int]) -> Iterator[Row]:
    """Of the first client, one after the other on another connection: those under way at once wait for no lock."""
    for number in numbers:
        digest = credentials.digest(code_of(plan.run, number))
        yield id_of("connection", 1 + number % plan.persons), digest, id_of(f"consent {plan.run}", number)


def spent_codes(plan: Plan, numbers: Iterable[int]) -> Iterator[Row]:
    for number in numbers:
        yield *_spent(plan, number, "code"), id_of(f"spent consent {plan.run}", number)


def spent_refresh_tokens(plan: Plan, numbers: Iterable[int]) -> Iterator[Row]:
    return (_spent(plan, number, "refresh token") for number in numbers)


def spent_access_tokens(plan: Plan, numbers: Iterable[int]) -> Iterator[Row]:
    return (_spent(plan, number, "access token") for number in numbers)


def _spent(plan: Plan, number: int, kind: str) -> Row:
    """A connection, a digest of which nobody has the secret, and when it expired: one after the other, long ago. With
    one time for all, finding the oldest would mean sorting them all, which no real table asks for."""
    digest = hashlib.sha256(f"spent {kind} {plan.run} {number}".encode()).digest()
    ended = plan.now - SPENT_SINCE - timedelta(milliseconds=number * 7 % 86_400_000)
    return id_of("connection", 1 + number * 7919 % plan.connections), digest, text_of(ended)


@dataclass(frozen=True)
class Table:
    """One table: the columns that vary, whose values `make` yields, then those of which every row holds the same."""

    name: str
    make: Callable[[Plan, Iterable[int]], Iterator[Row]]
    varying: tuple[str, ...]
    same: tuple[str, ...] = ()
    values: Row = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return self.varying + self.same

    def rows(self, plan: Plan, numbers: Iterable[int]) -> Iterator[Row]:
        return (row + self.values for row in self.make(plan, numbers))


VARYING: dict[Callable[[Plan, Iterable[int]], Iterator[Row]], tuple[str, ...]] = {
    persons: ("id", "email", "name"),
    handles: ("id", "slug", "display_name"),
    memberships: ("handle_id", "user_id"),
    connections: ("id", "user_id", "handle_id", "client_id", "client_name", "client_metadata_digest", "last_used_at"),
    refresh_tokens: ("id", "connection_id", "digest", "answer_seen_at"),
    access_tokens: ("id", "connection_id", "refresh_token_id", "digest", "used_at"),
    codes: ("connection_id", "digest", "consent_id"),
    spent_codes: ("connection_id", "digest", "expires_at", "consent_id"),
    spent_refresh_tokens: ("connection_id", "digest", "expires_at"),
    spent_access_tokens: ("connection_id", "digest", "expires_at"),
}
