"""How credentials are issued: to many at a time, each under a connection that is locked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from django.conf import settings

from authserver import policy
from authserver.models import AccessToken, Client, Connection, RefreshToken
from authserver.protocol import credentials, resources
from authserver.protocol.connections.token_requests import CodeRequest, RefreshRequest
from authserver.protocol.errors import Refusal
from authserver.protocol.trace.steps import Whose
from authserver.services import catalog, clients, statements
from authserver.services.connections.footing import Footing
from authserver.services.events import Actor, Entry, RequestFacts, Tag

Asked = TypeVar("Asked", CodeRequest, RefreshRequest)


@dataclass(frozen=True, slots=True)
class Arrived(Generic[Asked]):
    """A token request, and where it came from."""

    request: Asked
    facts: RequestFacts


@dataclass(frozen=True)
class Issued:
    """A pair just issued, or issued again. The only place where the secrets exist outside the client. `whose` it is,
    the trace wants to know."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    scopes: tuple[str, ...]
    expires_at: datetime
    whose: Whose | None = field(default=None, repr=False, compare=False)

    def body(self, now: datetime) -> dict[str, object]:
        """Return the token answer (RFC 6749 §5.1); `expires_in` in whole seconds."""
        answer: dict[str, object] = {
            "access_token": self.access_token,
            "token_type": "Bearer",
            "expires_in": max(0, int((self.expires_at - now).total_seconds())),
            "scope": " ".join(self.scopes),
        }
        return answer | ({"refresh_token": self.refresh_token} if self.refresh_token else {})


class Again:
    """No outcome yet: the connection is held by somebody else, or by another of the same batch. To be asked for once
    more, alone, where it may wait."""


class Lost:
    """Issued and stored, and the answer does not arrive: rehearsed."""


AGAIN, LOST = Again(), Lost()
Outcome = Issued | Refusal | Again | Lost


@dataclass(slots=True)
class Turn:
    """One who gets credentials: the connection, locked, and what for."""

    client: Client
    facts: RequestFacts
    footing: Footing
    last_caller: tuple[str | None, str, str]  # address, agent and issuer that the connection has noted
    scopes: Sequence[str]
    with_refresh: bool
    whose: Whose


def entry(tag: Tag, turn: Turn) -> Entry:
    """Return the event of a client that got credentials."""
    standing = turn.footing
    return Entry(
        tag=tag,
        actor=Actor.CLIENT,
        facts=turn.facts,
        actor_id=standing.client_id,
        person_id=standing.person_id,
        client_id=standing.client_id,
        handle=standing.handle,
        connection_id=standing.connection_id,
    )


def access_token_lifetime() -> timedelta:
    return timedelta(seconds=settings.ACCESS_TOKEN_LIFETIME_SECONDS)


def issue_all(turns: Sequence[Turn], *, now: datetime) -> list[Issued]:
    """Issue a pair for each of these, in their order; without refresh, an access token alone. The caller has locked
    their connections, each of which is here once."""
    if not turns:
        return []
    note_callers(turns)
    clients.mark_used([turn.client for turn in turns], now=now)
    refresh_tokens = [
        credentials.generate(policy.REFRESH_TOKEN_PREFIX) if turn.with_refresh else None for turn in turns
    ]
    refresh_ids = _store_refresh_tokens(turns, refresh_tokens, now)
    expires_at = now + access_token_lifetime()
    pairs = [
        Issued(credentials.generate(policy.ACCESS_TOKEN_PREFIX), token, tuple(turn.scopes), expires_at, turn.whose)
        for turn, token in zip(turns, refresh_tokens, strict=True)
    ]
    rows = [
        (turn.footing.connection_id, refresh_ids.get(pair.refresh_token), credentials.digest(pair.access_token),
         " ".join(pair.scopes), now, expires_at)
        for turn, pair in zip(turns, pairs, strict=True)
    ]  # fmt: skip
    columns = ("connection", "refresh_token", "digest", "scopes", "issued_at", "expires_at")
    statements.fetch(statements.inserting(AccessToken, columns, rows))
    return pairs


def _store_refresh_tokens(
    turns: Sequence[Turn], tokens: Sequence[str | None], now: datetime
) -> dict[str | None, int | None]:
    """Store the refresh tokens; return their primary keys by the token."""
    expires_at = now + policy.REFRESH_TOKEN_IDLE_LIFETIME
    digests = {credentials.digest(token): token for token in tokens if token}
    rows = [
        (turn.footing.connection_id, credentials.digest(token), now, expires_at, "")
        for turn, token in zip(turns, tokens, strict=True)
        if token
    ]
    if not rows:
        return {}
    columns = ("connection", "digest", "issued_at", "expires_at", "rotated_agent")
    made = statements.fetch(statements.inserting(RefreshToken, columns, rows, returning=("id", "digest")))
    return {digests[bytes(digest)]: pk for pk, digest in made}


def issue_access_token(
    connection: Connection, *, beside: RefreshToken | None, scope_list: Sequence[str], now: datetime
) -> tuple[str, datetime]:
    """Issue one more access token, answered together with the refresh token `beside`; return it and its expiry."""
    token = credentials.generate(policy.ACCESS_TOKEN_PREFIX)
    expires_at = now + access_token_lifetime()
    AccessToken.objects.create(
        connection=connection,
        refresh_token=beside,
        digest=credentials.digest(token),
        scopes=" ".join(scope_list),
        issued_at=now,
        expires_at=expires_at,
    )
    return token, expires_at


def note_callers(turns: Sequence[Turn]) -> None:
    """Keep from where, as what and by which of our names each client last asked for credentials, where that is new."""
    told = [(turn, (turn.facts.address, turn.facts.agent, turn.facts.issuer)) for turn in turns]
    rows = [(turn.footing.connection_id, *caller) for turn, caller in told if turn.last_caller != caller]
    if rows:
        statements.execute(statements.updating(Connection, ("id", "last_address", "last_agent", "last_issuer"), rows))


def is_same_target(named: Sequence[str], bound: str) -> bool:
    """Tell whether the resources that a token request names are the one that was authorized; naming none is saying so.

    Obeys: RFC 8707 §2.2.
    """
    return all(_leads_to(each, bound) for each in named)


def _leads_to(named: str, bound: str) -> bool:
    if resources.canonical(named) == bound:
        return True
    named_target, bound_target = catalog.target_of(named), catalog.target_of(bound)
    return named_target is not None and named_target.is_same_endpoint(bound_target)
