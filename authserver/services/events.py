"""The audit trail: every act records one event, with ids only, in the transaction of the act."""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from accounts.models import User
from authserver import policy
from authserver.models import Client, Connection, Event
from authserver.services import statements

Tag = Event.Tag
Actor = Event.Actor


@dataclass(frozen=True)
class RequestFacts:
    """Where an act came from: the caller's address, what its program calls itself, and the id of the request; why it
    is done, where an administrator was asked; and the issuer that was asked (`services.moving.issuers`)."""

    address: str | None = None
    request_id: str = ""
    agent: str = ""
    note: str = ""
    issuer: str = ""


NO_REQUEST = RequestFacts()
DOCTOR = "gatehouse doctor"
GIVEN_ID = re.compile(r"[A-Za-z0-9-]{8,36}")
current_request: ContextVar[RequestFacts] = ContextVar("current_request", default=NO_REQUEST)


def request_id(given: str) -> str:
    """Return the id of a request: the proxy's `X-Request-Id` where it has the form of one, else a new one. It names a
    request and protects nothing, so chance of the quick kind will do."""
    return given if given and GIVEN_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"  # noqa: S311


def agent(given: str, *, doctor: str = "") -> str:
    """Return what the caller's program calls itself: printable, and no longer than is kept. The doctor is named, as
    whichever client it walks (the header `X-Gatehouse-Doctor`)."""
    if doctor:
        return DOCTOR
    kept = given[: policy.AGENT_LENGTH_MAX]
    return kept if kept.isprintable() else ""


def record(
    tag: Event.Tag,
    *,
    actor: Event.Actor,
    by: User | None = None,
    connection: Connection | None = None,
    client: Client | None = None,
    person_id: UUID | None = None,
    handle: str = "",
    **detail: object,
) -> Event:
    """Write one event and return it. `detail` takes ids, names and counts: never a secret, never free input.

    Raises TypeError where a detail is nothing that every database gives back as it was: ids and times come as text.
    """
    _insist_on_plain(detail)
    facts = current_request.get()
    if connection is not None:
        client = client or connection.client
        person_id = person_id or connection.user_id
        handle = handle or connection.handle.slug
    return Event.objects.create(
        tag=tag,
        actor=actor,
        actor_id=str(by.pk) if by else (client.client_id if client and actor == Actor.CLIENT else ""),
        person_id=person_id,
        client_id=client.client_id if client else "",
        handle=handle,
        connection_id=connection.pk if connection else None,
        address=facts.address,
        request_id=facts.request_id,
        detail=({"note": facts.note} if facts.note else {}) | detail,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event to be written among others, of a request of its own. `detail` holds what `record` takes."""

    tag: Event.Tag
    actor: Event.Actor
    facts: RequestFacts
    actor_id: str = ""
    person_id: UUID | str | None = None
    client_id: str = ""
    handle: str = ""
    connection_id: UUID | str | None = None
    detail: Mapping[str, object] = field(default_factory=dict)


COLUMNS = (
    "at", "tag", "actor", "actor_id", "person_id", "client_id", "handle", "connection_id", "address", "request_id",
    "detail",
)  # fmt: skip


def record_all(entries: Sequence[Entry], *, at: datetime) -> None:
    """Write many events with one statement, each as `record` would. Raises TypeError as it does."""
    if entries:
        rows = [_row(entry, at) for entry in entries]
        statements.fetch(statements.inserting(Event, COLUMNS, rows))


@contextmanager
def of_request(facts: RequestFacts) -> Iterator[None]:
    """Let what is recorded inside be of this request."""
    mark = current_request.set(facts)
    try:
        yield
    finally:
        current_request.reset(mark)


@contextmanager
def because(note: str) -> Iterator[None]:
    """Let what `record` writes inside carry this reason, where it has none of its own."""
    with of_request(replace(current_request.get(), note=note)):
        yield


def _row(entry: Entry, at: datetime) -> tuple[object, ...]:
    _insist_on_plain(entry.detail)
    return (
        at, entry.tag.value, entry.actor.value, entry.actor_id, entry.person_id, entry.client_id, entry.handle,
        entry.connection_id, entry.facts.address, entry.facts.request_id, entry.detail,
    )  # fmt: skip


def _insist_on_plain(detail: Mapping[str, object]) -> None:
    odd = [name for name, value in detail.items() if not _is_plain(value)]
    if odd:
        raise TypeError(f"an event holds text, whole numbers, lists and mappings of them; not so: {', '.join(odd)}")


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_plain(each) for name, each in value.items())
    if isinstance(value, list | tuple):
        return all(_is_plain(each) for each in value)
    return value is None or isinstance(value, str | int)  # a bool is an int; a fraction changes its look on the way
