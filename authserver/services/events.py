"""The audit trail: every act records one event, with ids only, in the transaction of the act."""

import random
import re
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

from accounts.models import User
from authserver.models import Client, Connection, Event

Tag = Event.Tag
Actor = Event.Actor


@dataclass(frozen=True)
class RequestFacts:
    """Where an act came from: the caller's address, what its program calls itself, and the id of the request."""

    address: str | None = None
    request_id: str = ""
    agent: str = ""


NO_REQUEST = RequestFacts()
GIVEN_ID = re.compile(r"[A-Za-z0-9-]{8,36}")
current_request: ContextVar[RequestFacts] = ContextVar("current_request", default=NO_REQUEST)


def request_id(given: str) -> str:
    """Return the id of a request: the proxy's `X-Request-Id` where it has the form of one, else a new one. It names a
    request and protects nothing, so chance of the quick kind will do."""
    return given if given and GIVEN_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"  # noqa: S311


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
    odd = [name for name, value in detail.items() if not _is_plain(value)]
    if odd:
        raise TypeError(f"an event holds text, whole numbers, lists and mappings of them; not so: {', '.join(odd)}")
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
        detail=detail,
    )


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_plain(each) for name, each in value.items())
    if isinstance(value, list | tuple):
        return all(_is_plain(each) for each in value)
    return value is None or isinstance(value, str | int)  # a bool is an int; a fraction changes its look on the way
